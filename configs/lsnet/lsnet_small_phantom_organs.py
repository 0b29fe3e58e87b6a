# Several organs: on what `tools/make_phantom.py data/phantom_organs --organs 2` writes.
_base_ = './lsnet_small_phantom.py'

model = dict(segmentor=dict(decode_head=dict(num_classes=3, out_channels=3)))
train_dataloader = dict(dataset=dict(data_root='data/phantom_organs'))
val_dataloader = dict(dataset=dict(data_root='data/phantom_organs'))
test_dataloader = val_dataloader
