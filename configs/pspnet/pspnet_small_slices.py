_base_ = [
    '../_base_/models/pspnet_small.py',
    '../_base_/datasets/slices_160.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]
