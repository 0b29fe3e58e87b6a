# The L-Net of lnet_unet_r18.py at width 16, from scratch.
_base_ = './lnet_unet_r18.py'
localizer = dict(
    backbone=dict(base_channels=16, stem_channels=16, init_cfg=None),
    neck=dict(in_channels=(16, 32, 64, 128), channels=(64, 32, 32)),
    head=dict(in_channels=32, feat_channels=32),
)
