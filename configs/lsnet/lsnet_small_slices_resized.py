# The paper's recipe at CPU size: resized slices, RoIs from L-Net's own boxes alone.
_base_ = ['../unet/unet_small_slices.py', '../_base_/models/lnet_small.py']

model = dict(
    _delete_=True,
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    roi_extractor=dict(type='RoIRecalibration', size=(160, 160), margin=3.75),
    segmentor=_base_.model,
    gamma=0.1,
    test_cfg=dict(oracle=True),
)
train_cfg = dict(type='AlternatingTrainLoop')
