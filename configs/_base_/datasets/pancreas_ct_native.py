# Prepared Pancreas-CT, slices at their own size: RR samples the crop from the slice itself.
_base_ = './pancreas_ct_320.py'

train_pipeline = [t for t in _base_.train_pipeline if t['type'] != 'Resize']
test_pipeline = [t for t in _base_.test_pipeline if t['type'] != 'Resize']
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
