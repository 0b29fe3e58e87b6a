# Prepared Pancreas-CT, slices resized to 320x320 (paper, 3.1).
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='epoch_worker_init_fn'),
    dataset=dict(
        type='PancreasCTDataset',
        data_root='data/pancreas_ct',
        fold=0,
        split='train',
        # A volume is mostly slices without pancreas, and L-Net has to know them.
        slices='foreground',
        empty_ratio=0.5,
        pipeline=[
            dict(type='LoadCTSlice'),
            dict(type='LoadCTMask'),
            dict(type='HUWindow', window=(-100, 240)),
            dict(type='ResizeSlice', scale=(320, 320)),
            dict(type='RandomCTAffine', rotation=10, scale=0.2, shift=0.1),
            dict(type='RandomIntensity'),
            # Two parts of the organ nearer than this, on a slice 320 wide, make one peak.
            dict(type='BoxesFromMask', min_area=10, merge_distance=80),
            dict(type='PackLSNetInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PancreasCTDataset',
        data_root='data/pancreas_ct',
        fold=0,
        split='val',
        # The mask is loaded after resizing: scores are those at the slice's own size.
        pipeline=[
            dict(type='LoadCTSlice'),
            dict(type='HUWindow', window=(-100, 240)),
            dict(type='ResizeSlice', scale=(320, 320)),
            dict(type='LoadCTMask'),
            dict(type='BoxesFromMask', min_area=10, merge_distance=80),
            dict(type='PackLSNetInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='TwoStageSegMetric')
test_evaluator = dict(type='TwoStageSegMetric', surface=True)
