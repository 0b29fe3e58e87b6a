# The phantom of tools/make_phantom.py, resized to 160x160.
_base_ = './pancreas_ct_160.py'

data_root = 'data/phantom'
train_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root))
val_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
test_evaluator = dict(surface=False)
