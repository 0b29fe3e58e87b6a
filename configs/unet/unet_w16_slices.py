# One-stage twin of lsnet_unet_w16_slices.py: the same S-Net.
_base_ = [
    '../_base_/models/unet_small.py',
    '../_base_/datasets/slices_160.py',
    '../_base_/schedules/w16_32e.py',
    '../_base_/default_runtime.py',
]
