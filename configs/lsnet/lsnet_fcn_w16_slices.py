# L-SNet (FCN) of the comparison at CPU size. Every net sees 160x160 pixels: L-Net the slice,
# S-Net a crop out of 256x256. A margin of 15 of 320 pixels a side, half of the training RoIs
# jittered ground-truth boxes, box voting.
_base_ = [
    '../_base_/models/fcn_small.py',
    '../_base_/models/lnet_fcn_small.py',
    '../_base_/datasets/slices_256.py',
    '../_base_/schedules/w16_32e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    _delete_=True,
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    localizer_size=(160, 160),
    roi_extractor=dict(type='RoIRecalibration', size=(160, 160), margin=12),
    segmentor=_base_.model,
    gamma=0.1,
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    test_cfg=dict(oracle=True),
)
model['localizer']['head'].update(test_cfg=dict(vote=True))
train_cfg = dict(type='AlternatingTrainLoop')
