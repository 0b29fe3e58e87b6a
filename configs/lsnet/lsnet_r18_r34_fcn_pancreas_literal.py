# The narrowest reading of the paper, for comparison: a target that stays where the box moves, Dice
# of p + t on the heatmap and of each image, a peak for each part of the organ, slices with pancreas
# alone.
_base_ = './lsnet_r18_r34_fcn_pancreas.py'

model = dict(
    localizer=dict(head=dict(loss_cls=dict(squared=False, batch_dice=False))),
    segmentor=dict(decode_head=dict(loss_decode=dict(batch_dice=False))),
    moving_target=False,
)
train_dataloader = dict(
    dataset=dict(
        empty_ratio=0,
        pipeline=[
            t | dict(merge_distance=0) if t['type'] == 'BoxesFromMask' else t
            for t in _base_.train_dataloader.dataset.pipeline
        ],
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            t | dict(merge_distance=0) if t['type'] == 'BoxesFromMask' else t
            for t in _base_.val_dataloader.dataset.pipeline
        ],
    )
)
test_dataloader = val_dataloader
