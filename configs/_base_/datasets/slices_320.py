# 2D slices in folders, resized to 320x320.
_base_ = './slices_160.py'

train_dataloader = dict(
    num_workers=4,
    dataset=dict(
        pipeline=[
            t | dict(scale=(320, 320)) if t['type'] == 'ResizeSlice' else t
            for t in _base_.train_dataloader.dataset.pipeline
        ]
    ),
)
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        pipeline=[
            t | dict(scale=(320, 320)) if t['type'] == 'ResizeSlice' else t
            for t in _base_.val_dataloader.dataset.pipeline
        ]
    ),
)
test_dataloader = val_dataloader
