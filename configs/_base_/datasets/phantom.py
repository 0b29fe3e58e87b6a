# The embedded phantom of tools/make_phantom.py, slices at their own 128x128.
_base_ = './pancreas_ct_320.py'

data_root = 'data/phantom'
boxes = dict(type='BoxesFromMask', min_area=4, merge_distance=80)
train_pipeline = [
    dict(type='LoadCTSlice'),
    dict(type='LoadCTMask'),
    dict(type='HUWindow', window=(-100, 240)),
    dict(type='RandomCTAffine', rotation=10, scale=0.2, shift=0.1),
    dict(type='RandomIntensity'),
    boxes,
    dict(type='PackLSNetInputs'),
]
test_pipeline = [
    dict(type='LoadCTSlice'),
    dict(type='HUWindow', window=(-100, 240)),
    dict(type='LoadCTMask'),
    boxes,
    dict(type='PackLSNetInputs'),
]
train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root, slices='foreground', empty_ratio=0.3, pipeline=train_pipeline
    ),
)
val_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
test_evaluator = dict(surface=False)
