# 2D slices in folders, resized to 320x320.
_base_ = './slices_160.py'

image_size = (320, 320)
resize = dict(scale=image_size)
train_pipeline = [{**t, **resize} if t['type'] == 'Resize' else t for t in _base_.train_pipeline]
test_pipeline = [{**t, **resize} if t['type'] == 'Resize' else t for t in _base_.test_pipeline]
train_dataloader = dict(num_workers=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=4, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
