# L-Net with a U-Net on Swin-T, from scratch.
_base_ = './lnet_unet_r18.py'
localizer = dict(
    backbone=dict(_delete_=True, type='SwinTransformer'),
    neck=dict(in_channels=(96, 192, 384, 768)),
)
