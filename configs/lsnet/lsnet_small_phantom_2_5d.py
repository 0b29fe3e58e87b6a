# 2.5D: the slices before and after as channels, in place of one slice three times.
_base_ = './lsnet_small_phantom.py'

load = dict(type='LoadCTSlice', neighbours=1)
train_dataloader = dict(dataset=dict(pipeline=[load, *_base_.train_pipeline[1:]]))
val_dataloader = dict(dataset=dict(pipeline=[load, *_base_.test_pipeline[1:]]))
test_dataloader = val_dataloader
