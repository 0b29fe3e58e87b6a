# MMSegmentation's PSPNet on ResNet-34: its own heads and auxiliary head, with the loss, the
# threshold and the almost empty untrained mask of all other nets here.
norm_cfg = dict(type='BN', requires_grad=True)
common = dict(
    num_classes=2,
    out_channels=1,
    threshold=0.5,
    init_cfg=dict(
        type='Normal',
        std=0.01,
        override=dict(type='Normal', name='conv_seg', std=0.01, bias_prob=0.01),
    ),
    dropout_ratio=0.1,
    norm_cfg=norm_cfg,
    align_corners=False,
)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        size_divisor=1,
    ),
    backbone=dict(
        type='ResNet',
        depth=34,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        contract_dilation=True,
        norm_cfg=norm_cfg,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet34'),
    ),
    decode_head=dict(
        type='PSPHead',
        pool_scales=(1, 2, 3, 6),
        in_channels=512,
        in_index=3,
        channels=128,
        loss_decode=dict(type='FocalDiceLoss'),
        **common,
    ),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=256,
        in_index=2,
        channels=64,
        num_convs=1,
        concat_input=False,
        loss_decode=dict(type='FocalDiceLoss', loss_weight=0.4),
        **common,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
