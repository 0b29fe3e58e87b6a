# One-stage peer of the presets at width 16: the same S-Net on real slices of 320x320.
_base_ = [
    '../_base_/models/unet_small.py',
    '../_base_/datasets/slices_320.py',
    '../_base_/schedules/w16_32e.py',
    '../_base_/default_runtime.py',
]
