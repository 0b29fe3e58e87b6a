# L-SNet (U-Net) of the comparison at CPU size: slices and crops of 160x160, a margin of 15 of 320
# pixels a side, half of the training RoIs jittered ground-truth boxes, box voting.
_base_ = ['../unet/unet_small_slices.py', '../_base_/models/lnet_small.py']

model = dict(
    _delete_=True,
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    roi_extractor=dict(type='RoIRecalibration', size=(160, 160), margin=7.5),
    segmentor=_base_.model,
    gamma=0.1,
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    test_cfg=dict(oracle=True),
)
model['localizer']['head'].update(test_cfg=dict(vote=True))
train_cfg = dict(type='AlternatingTrainLoop')
