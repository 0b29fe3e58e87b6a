# One-stage twin of lsnet_lite0_unet_slices.py: the same S-Net.
_base_ = [
    '../_base_/models/unet_lite0.py',
    '../_base_/datasets/slices_160.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]
