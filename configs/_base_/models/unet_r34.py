# One-stage U-Net on ResNet-34 with one output channel: 24,436,369 parameters. Also S-Net.
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        size_divisor=1,
    ),
    backbone=dict(
        type='StemResNet',
        depth=34,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN'),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet34'),
    ),
    neck=dict(
        type='UNetNeck', in_channels=(64, 64, 128, 256, 512), channels=(256, 128, 64, 32, 16)
    ),
    decode_head=dict(
        type='ConvHead',
        in_channels=16,
        num_classes=2,
        out_channels=1,
        loss_decode=dict(type='FocalDiceLoss'),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
