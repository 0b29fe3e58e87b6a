# The paper's L-SNet (U-Net): L-Net on ResNet-18, RR, and the one-stage U-Net on ResNet-34 as S-Net.
model = dict(
    type='LSNet',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        size_divisor=1,
    ),
    localizer=dict(
        type='LNet',
        backbone=dict(
            type='ResNet',
            depth=18,
            num_stages=4,
            out_indices=(0, 1, 2, 3),
            norm_cfg=dict(type='BN'),
            init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'),
        ),
        neck=dict(type='UNetNeck', in_channels=(64, 128, 256, 512), channels=(256, 128, 64)),
        head=dict(
            type='KPBBRHead',
            in_channels=64,
            delta=20,
            beta=2,
            loss_cls=dict(type='FocalDiceLoss', dice_weight=0.2, squared=True),
            loss_bbox=dict(type='DIoULoss', loss_weight=0.5),
        ),
    ),
    roi_extractor=dict(type='RoIRecalibration', size=(320, 320), margin=7.5),
    segmentor=dict(
        type='EncoderDecoder',
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
    ),
    gamma=0.1,
    test_cfg=dict(oracle=True),
)
