# The phantom of tools/make_phantom.py, slices at their own 128x128.
_base_ = './pancreas_ct_320.py'

train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root='data/phantom',
        pipeline=[
            dict(type='LoadCTSlice'),
            dict(type='LoadCTMask'),
            dict(type='HUWindow', window=(-100, 240)),
            dict(type='RandomCTAffine', rotation=10, scale=0.2, shift=0.1),
            dict(type='RandomIntensity'),
            dict(type='BoxesFromMask', min_area=25, merge_distance=80),
            dict(type='PackLSNetInputs'),
        ],
    ),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root='data/phantom',
        pipeline=[
            dict(type='LoadCTSlice'),
            dict(type='HUWindow', window=(-100, 240)),
            dict(type='LoadCTMask'),
            dict(type='BoxesFromMask', min_area=25, merge_distance=80),
            dict(type='PackLSNetInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
test_evaluator = dict(surface=False)
