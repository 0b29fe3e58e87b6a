# Preset "fast" at width 16 by the fused update: one forward pass of both nets, one step on the sum
# of their losses.
_base_ = './lsnet_unet_w16_slices_fast.py'

train_cfg = dict(type='EpochBasedTrainLoop')
