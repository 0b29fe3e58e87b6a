# Prepared Pancreas-CT, slices resized to 320x320 (paper, 3.1).
dataset_type = 'PancreasCTDataset'
data_root = 'data/pancreas_ct'
image_size = (320, 320)

train_pipeline = [
    dict(type='LoadCTSlice'),
    dict(type='LoadCTMask'),
    dict(type='HUWindow', window=(-100, 240)),
    dict(type='Resize', scale=image_size, keep_ratio=False, interpolation='area'),
    dict(type='RandomCTAffine', rotation=10, scale=0.2, shift=0.1),
    dict(type='RandomIntensity'),
    dict(type='BoxesFromMask'),
    dict(type='PackLSNetInputs'),
]
# The mask is loaded after resizing: scores are those at the slice's own size.
test_pipeline = [
    dict(type='LoadCTSlice'),
    dict(type='HUWindow', window=(-100, 240)),
    dict(type='Resize', scale=image_size, keep_ratio=False, interpolation='area'),
    dict(type='LoadCTMask'),
    dict(type='BoxesFromMask'),
    dict(type='PackLSNetInputs'),
]
dataset = dict(type=dataset_type, data_root=data_root, fold=0)
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='epoch_worker_init_fn'),
    dataset=dict(split='train', slices='foreground', pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split='val', pipeline=test_pipeline, **dataset),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='TwoStageSegMetric')
test_evaluator = dict(type='TwoStageSegMetric', surface=True)
