# Preset "fast" by the fused update: one forward pass of both nets, one step on the sum of their
# losses.
_base_ = './lsnet_r18_r34_unet_pancreas_fast.py'

train_cfg = dict(type='EpochBasedTrainLoop')
