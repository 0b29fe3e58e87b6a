# One-stage twin of lsnet_small_unet_slices_resized_48e.py: the same S-Net, on slices of 160x160.
_base_ = [
    '../_base_/models/unet_small.py',
    '../_base_/datasets/slices_160.py',
    '../_base_/schedules/small_48e.py',
    '../_base_/default_runtime.py',
]
