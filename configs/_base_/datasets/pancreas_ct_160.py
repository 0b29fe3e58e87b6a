# Prepared Pancreas-CT, slices resized to 160x160.
_base_ = './pancreas_ct_320.py'

image_size = (160, 160)
resize = dict(scale=image_size)
train_pipeline = [{**t, **resize} if t['type'] == 'Resize' else t for t in _base_.train_pipeline]
test_pipeline = [{**t, **resize} if t['type'] == 'Resize' else t for t in _base_.test_pipeline]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
