# Several organs: on what `tools/make_phantom.py data/phantom_organs --organs 2` writes.
_base_ = './lsnet_small_phantom.py'

data_root = 'data/phantom_organs'
model = dict(model=dict(segmentor=dict(decode_head=dict(num_classes=3, out_channels=3))))
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
