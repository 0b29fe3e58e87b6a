# Preset "paper" at width 16, on real slices: everything at 320x320, a margin of 15 pixels in total,
# S-Net trained on L-Net's own boxes alone.
_base_ = [
    '../_base_/models/lsnet_small_unet.py',
    '../_base_/datasets/slices_320.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(type='AlternatingTrainLoop')
