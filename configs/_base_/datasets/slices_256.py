# 2D slices in folders, resized to 256x256: what two-stage models crop from.
_base_ = './slices_160.py'

image_size = (256, 256)
train_pipeline = [
    t | dict(scale=image_size) if t['type'] == 'Resize' else t for t in _base_.train_pipeline
]
test_pipeline = [
    t | dict(scale=image_size) if t['type'] == 'Resize' else t for t in _base_.test_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
