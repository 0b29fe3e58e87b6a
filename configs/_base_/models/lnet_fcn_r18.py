# L-Net with an FCN on ResNet-18.
_base_ = './lnet_unet_r18.py'
localizer = dict(
    neck=dict(_delete_=True, type='FCNNeck', in_channels=(64, 128, 256, 512), channels=64)
)
