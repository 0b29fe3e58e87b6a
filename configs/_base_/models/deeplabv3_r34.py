# MMSegmentation's DeepLabV3 on ResNet-34: PSPNet's with another head.
_base_ = './pspnet_r34.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='ASPPHead',
        dilations=(1, 12, 24, 36),
        in_channels=512,
        in_index=3,
        channels=128,
        loss_decode=dict(type='FocalDiceLoss'),
        **_base_.common,
    ),
)
