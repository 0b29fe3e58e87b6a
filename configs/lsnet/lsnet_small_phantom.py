# L-SNet on the phantom: what `make demo` trains on a CPU in minutes.
_base_ = [
    '../_base_/models/lsnet_small_unet.py',
    '../_base_/datasets/phantom.py',
    '../_base_/schedules/small_48e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    # Two slices in three of a volume are empty: a mask beside the boxes, Dice of the batch.
    localizer=dict(
        head=dict(
            loss_cls=dict(batch_dice=True),
            loss_mask=dict(type='FocalDiceLoss', batch_dice=True),
            test_cfg=dict(vote=True, score_thr=0.4, veto_thr=0.2),
        )
    ),
    roi_extractor=dict(size=(96, 96), margin=20),
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    # Until two masks agree or ten rounds, as the fixed-point model of Zhou et al. (2017).
    test_cfg=dict(rounds=10, agreement=0.95),
)
train_cfg = dict(type='AlternatingTrainLoop', max_epochs=30, val_interval=10)
