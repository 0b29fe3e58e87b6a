# Check that the pair can learn: eight real slices, no augmentation, scored on the same eight, with
# L-Net's own boxes: the one at the peak, no voting, no refinement round.
_base_ = './lsnet_small_unet_slices_native_48e.py'

model = dict(localizer=dict(head=dict(test_cfg=dict(vote=False))), test_cfg=dict(rounds=0))
train_dataloader = dict(
    sampler=dict(type='InfiniteSampler'),
    num_workers=0,
    dataset=dict(
        indices=8,
        pipeline=[
            t
            for t in _base_.train_dataloader.dataset.pipeline
            if not t['type'].startswith('Random')
        ],
    ),
)
val_dataloader = dict(num_workers=0, dataset=dict(split='train', indices=8))
test_dataloader = val_dataloader
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=40),
    dict(type='CosineAnnealingLR', by_epoch=False, eta_min=1e-5, end=600),
]
train_cfg = dict(_delete_=True, type='AlternatingIterTrainLoop', max_iters=600, val_interval=200)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=600),
    logger=dict(interval=50, log_metric_by_epoch=False),
    seed=dict(by_epoch=False),
)
log_processor = dict(by_epoch=False)
