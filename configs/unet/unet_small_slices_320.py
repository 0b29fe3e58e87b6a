# One-stage peer of the narrow presets: the same S-Net on real slices of 320x320.
_base_ = [
    '../_base_/models/unet_small.py',
    '../_base_/datasets/slices_320.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]
