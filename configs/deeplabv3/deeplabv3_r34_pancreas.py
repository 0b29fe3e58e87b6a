_base_ = [
    '../_base_/models/deeplabv3_r34.py',
    '../_base_/datasets/pancreas_ct_320.py',
    '../_base_/schedules/paper_60e.py',
    '../_base_/default_runtime.py',
]
