# 2.5D: the slices before and after as channels, in place of one slice three times.
_base_ = './lsnet_small_phantom.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadCTSlice', neighbours=1),
            *_base_.train_dataloader.dataset.pipeline[1:],
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadCTSlice', neighbours=1),
            *_base_.val_dataloader.dataset.pipeline[1:],
        ]
    )
)
test_dataloader = val_dataloader
