# 2D slices in folders, at their own size: RR samples the crop from the slice itself.
_base_ = './slices_160.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[t for t in _base_.train_dataloader.dataset.pipeline if t['type'] != 'ResizeSlice']
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[t for t in _base_.val_dataloader.dataset.pipeline if t['type'] != 'ResizeSlice']
    )
)
test_dataloader = val_dataloader
