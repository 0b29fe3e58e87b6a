# 2D slices in folders, <split>/images and <split>/masks, resized to 160x160.
data_root = 'data/pancreas_ct_slices'
image_size = (160, 160)
# Two parts of the organ nearer than this many pixels, on a slice 320 wide, make one peak.
boxes = dict(type='BoxesFromMask', min_area=10, merge_distance=80)

train_pipeline = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='LoadCTMask'),
    dict(type='Resize', scale=image_size, keep_ratio=False, interpolation='area'),
    dict(type='RandomCTAffine', rotation=10, scale=0.2, shift=0.1),
    dict(type='RandomIntensity'),
    boxes,
    dict(type='PackLSNetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='Resize', scale=image_size, keep_ratio=False, interpolation='area'),
    dict(type='LoadCTMask'),
    boxes,
    dict(type='PackLSNetInputs'),
]
dataset = dict(type='SliceFolderDataset', data_root=data_root)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='epoch_worker_init_fn'),
    dataset=dict(split='train', pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split='val', pipeline=test_pipeline, **dataset),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='TwoStageSegMetric')
test_evaluator = val_evaluator
