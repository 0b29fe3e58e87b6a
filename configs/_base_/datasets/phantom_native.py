# The phantom of tools/make_phantom.py, slices at their own size.
_base_ = './pancreas_ct_native.py'

data_root = 'data/phantom'
train_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root))
val_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
test_evaluator = dict(surface=False)
