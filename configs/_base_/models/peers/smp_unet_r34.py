# U-Net of segmentation_models_pytorch, from random weights.
_base_ = './logits.py'
model = dict(
    backbone=dict(
        net='segmentation_models_pytorch.Unet',
        multiple=32,
        encoder_name='resnet34',
        encoder_weights=None,
        in_channels=3,
        classes=1,
    )
)
