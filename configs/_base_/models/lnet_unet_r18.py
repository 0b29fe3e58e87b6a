# L-Net with a U-Net on ResNet-18: 14,503,173 parameters.
localizer = dict(
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
)
