# L-Net with a U-Net on MobileNetV2, from scratch.
_base_ = './lnet_unet_r18.py'
localizer = dict(
    backbone=dict(_delete_=True, type='MobileNetV2', out_indices=(1, 2, 4, 6)),
    neck=dict(in_channels=(24, 32, 96, 320)),
)
