# The phantom of tools/make_phantom.py, resized to 320x320.
_base_ = './pancreas_ct_320.py'

train_dataloader = dict(num_workers=1, dataset=dict(data_root='data/phantom'))
val_dataloader = dict(num_workers=1, dataset=dict(data_root='data/phantom'))
test_dataloader = val_dataloader
