# The narrowest reading of the paper, at the size of lsnet_small_fcn_slices.py: a target that stays
# where the box moves, Dice of p + t on the heatmap, a peak for each part of the organ, S-Net
# trained on L-Net's own boxes alone, no voting. The margin is that of its rivals.
_base_ = [
    '../_base_/models/lsnet_small_fcn.py',
    '../_base_/datasets/slices_256.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    localizer=dict(head=dict(loss_cls=dict(squared=False))),
    localizer_size=(160, 160),
    roi_extractor=dict(size=(160, 160), margin=15),
    moving_target=False,
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            t | dict(merge_distance=0) if t['type'] == 'BoxesFromMask' else t
            for t in _base_.train_dataloader.dataset.pipeline
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            t | dict(merge_distance=0) if t['type'] == 'BoxesFromMask' else t
            for t in _base_.val_dataloader.dataset.pipeline
        ]
    )
)
test_dataloader = val_dataloader
train_cfg = dict(type='AlternatingTrainLoop')
