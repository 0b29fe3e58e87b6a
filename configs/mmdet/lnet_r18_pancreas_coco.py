# The paper's L-Net as a detector of MMDetection, for its own tools.
_base_ = [
    '../_base_/models/lnet_unet_r18.py',
    '../_base_/datasets/pancreas_coco.py',
    '../_base_/schedules/paper_60e.py',
    'mmdet::_base_/default_runtime.py',
]
custom_imports = dict(imports=['lsnet_mm.models', 'lsnet_mm.engine'], allow_failed_imports=False)

lnet = _base_.localizer
model = dict(
    type='SingleStageDetector',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=32,
    ),
    backbone=lnet.backbone,
    neck=lnet.neck,
    bbox_head=lnet.head,
)
