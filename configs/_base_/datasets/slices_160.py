# 2D slices in folders, <split>/images and <split>/masks, resized to 160x160.
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='epoch_worker_init_fn'),
    dataset=dict(
        type='SliceFolderDataset',
        data_root='data/pancreas_ct_slices',
        split='train',
        facts=dict(window=(0, 255)),  # HU that became 0 and 255: the files cannot say
        pipeline=[
            dict(type='LoadImageFromFile', color_type='grayscale'),
            dict(type='LoadCTMask'),
            dict(type='ResizeSlice', scale=(160, 160)),
            dict(type='RandomCTAffine', rotation=10, scale=0.2, shift=0.1),
            dict(type='RandomIntensity'),
            # Both on a slice 320 wide: two parts of the organ nearer than 80 make one peak.
            dict(type='BoxesFromMask', min_area=10, merge_distance=80),
            dict(type='PackLSNetInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SliceFolderDataset',
        data_root='data/pancreas_ct_slices',
        split='val',
        # The mask is loaded after resizing: scores are those at the slice's own size.
        pipeline=[
            dict(type='LoadImageFromFile', color_type='grayscale'),
            dict(type='ResizeSlice', scale=(160, 160)),
            dict(type='LoadCTMask'),
            dict(type='BoxesFromMask', min_area=10, merge_distance=80),
            dict(type='PackLSNetInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='TwoStageSegMetric')
test_evaluator = val_evaluator
