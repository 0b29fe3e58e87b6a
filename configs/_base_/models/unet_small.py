# The U-Net of unet_r34.py at width 16 on ResNet-18, from scratch: what a CPU trains in minutes.
_base_ = './unet_r34.py'
model = dict(
    backbone=dict(depth=18, base_channels=16, stem_channels=16, init_cfg=None),
    neck=dict(in_channels=(16, 16, 32, 64, 128), channels=(64, 32, 16, 16, 16)),
)
