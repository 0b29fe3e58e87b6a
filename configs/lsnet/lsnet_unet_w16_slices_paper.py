# Preset "paper" at width 16, on real slices: everything at 320x320, a margin of 15 pixels in total,
# S-Net trained on L-Net's own boxes alone.
_base_ = [
    '../_base_/models/unet_small.py',
    '../_base_/models/lnet_small.py',
    '../_base_/datasets/slices_320.py',
    '../_base_/schedules/w16_32e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    _delete_=True,
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    roi_extractor=dict(type='RoIRecalibration', size=(320, 320), margin=7.5),
    segmentor=_base_.model,
    gamma=0.1,
    test_cfg=dict(oracle=True),
)
train_cfg = dict(type='AlternatingTrainLoop')
