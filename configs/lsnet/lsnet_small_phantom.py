# L-SNet on the embedded phantom: what `make demo` trains on a CPU in minutes.
_base_ = [
    '../_base_/models/unet_small.py',
    '../_base_/models/lnet_small.py',
    '../_base_/datasets/phantom.py',
    '../_base_/schedules/small_48e.py',
    '../_base_/default_runtime.py',
]

lsnet = dict(
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    roi_extractor=dict(type='RoIRecalibration', size=(96, 96), margin=8),
    segmentor=_base_.model,
    gamma=0.1,
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    test_cfg=dict(oracle=True),
)
lsnet['localizer']['head'].update(test_cfg=dict(vote=True))
model = dict(_delete_=True, type='MultiRound', model=lsnet, rounds=10, agreement=0.95)
train_cfg = dict(type='AlternatingTrainLoop', max_epochs=24, val_interval=8)
