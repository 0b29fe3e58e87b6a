# The paper's L-Net as a detector of MMDetection, for its own tools.
_base_ = [
    '../_base_/datasets/pancreas_coco.py',
    '../_base_/schedules/paper_60e.py',
    'mmdet::_base_/default_runtime.py',
]
custom_imports = dict(imports=['lsnet_mm.models', 'lsnet_mm.engine'], allow_failed_imports=False)

model = dict(
    type='SingleStageDetector',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=32,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN'),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'),
    ),
    neck=dict(type='UNetNeck', in_channels=(64, 128, 256, 512), channels=(256, 128, 64)),
    bbox_head=dict(
        type='KPBBRHead',
        in_channels=64,
        delta=20,
        beta=2,
        # Of the batch: a third of the slices are without pancreas.
        loss_cls=dict(type='FocalDiceLoss', dice_weight=0.2, squared=True, batch_dice=True),
        loss_bbox=dict(type='DIoULoss', loss_weight=0.5),
    ),
)
