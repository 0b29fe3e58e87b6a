# L-Net with a U-Net on ResNetV1c-50, from scratch.
_base_ = './lnet_unet_r18.py'
localizer = dict(
    backbone=dict(_delete_=True, type='ResNetV1c', depth=50),
    neck=dict(in_channels=(256, 512, 1024, 2048)),
)
