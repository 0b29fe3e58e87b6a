# What `tools/export_coco.py CONFIG data/pancreas_coco` writes, slices resized to 320x320.
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CocoDataset',
        data_root='data/pancreas_coco/',
        metainfo=dict(classes=('pancreas',), palette=[(230, 60, 60)]),
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='Resize', scale=(320, 320), keep_ratio=False),
            # No rotation: it turns boxes, not masks, and the box around a turned box is too large.
            dict(
                type='RandomAffine',
                max_rotate_degree=0,
                max_shear_degree=0,
                max_translate_ratio=0.1,
                scaling_ratio_range=(0.8, 1.2),
                border_val=(0, 0, 0),
            ),
            dict(type='PackDetInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CocoDataset',
        data_root='data/pancreas_coco/',
        metainfo=dict(classes=('pancreas',), palette=[(230, 60, 60)]),
        ann_file='annotations/val.json',
        data_prefix=dict(img='val/'),
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(320, 320), keep_ratio=False),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(
                type='PackDetInputs',
                meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
            ),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric', ann_file='data/pancreas_coco/annotations/val.json', metric='bbox'
)
test_evaluator = val_evaluator
