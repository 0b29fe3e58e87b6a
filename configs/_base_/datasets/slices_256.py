# 2D slices in folders, resized to 256x256: what two-stage models crop from.
_base_ = './slices_160.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            t | dict(scale=(256, 256)) if t['type'] == 'ResizeSlice' else t
            for t in _base_.train_dataloader.dataset.pipeline
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            t | dict(scale=(256, 256)) if t['type'] == 'ResizeSlice' else t
            for t in _base_.val_dataloader.dataset.pipeline
        ]
    )
)
test_dataloader = val_dataloader
