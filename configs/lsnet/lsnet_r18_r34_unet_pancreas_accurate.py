# Preset "accurate": L-Net sees the slice at 320x320, S-Net a crop of 320x320 out of the slice
# itself, with what makes boxes better: RoI mixing, a margin of 15 of 320 pixels, voting, rounds.
_base_ = [
    '../_base_/models/unet_r34.py',
    '../_base_/models/lnet_unet_r18.py',
    '../_base_/datasets/pancreas_ct_native.py',
    '../_base_/schedules/paper_60e.py',
    '../_base_/default_runtime.py',
]

lsnet = dict(
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    localizer_size=(320, 320),
    roi_extractor=dict(type='RoIRecalibration', size=(320, 320), margin=24),
    segmentor=_base_.model,
    gamma=0.1,
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    test_cfg=dict(oracle=True),
)
lsnet['localizer']['head'].update(test_cfg=dict(vote=True))
model = dict(_delete_=True, type='MultiRound', model=lsnet, rounds=10, agreement=0.95)
train_cfg = dict(type='AlternatingTrainLoop')
