# L-SNet on real slices at CPU size, with what makes its boxes better: crops from the slice itself,
# RoI mixing, a wider margin, box voting and refinement rounds.
_base_ = ['../unet/unet_small_slices_native.py', '../_base_/models/lnet_small.py']

lsnet = dict(
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    localizer_size=(160, 160),
    roi_extractor=dict(type='RoIRecalibration', size=(160, 160), margin=24),
    segmentor=_base_.model,
    gamma=0.1,
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    test_cfg=dict(oracle=True),
)
lsnet['localizer']['head'].update(test_cfg=dict(vote=True))
# Until two masks agree or ten rounds, as the fixed-point model of Zhou et al. (2017).
model = dict(_delete_=True, type='MultiRound', model=lsnet, rounds=10, agreement=0.95)
train_cfg = dict(type='AlternatingTrainLoop')
