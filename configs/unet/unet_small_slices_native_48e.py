# One-stage twin of lsnet_small_unet_slices_native_48e.py: the same S-Net, on slices at their own
# size.
_base_ = [
    '../_base_/models/unet_small.py',
    '../_base_/datasets/slices_native.py',
    '../_base_/schedules/small_48e.py',
    '../_base_/default_runtime.py',
]
