# L-SNet on real slices at CPU size, with what makes its boxes better: crops from the slice itself,
# RoI mixing, a wider margin, box voting and refinement rounds.
_base_ = [
    '../_base_/models/lsnet_small_unet.py',
    '../_base_/datasets/slices_native.py',
    '../_base_/schedules/small_48e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    localizer=dict(head=dict(test_cfg=dict(vote=True))),
    localizer_size=(160, 160),
    roi_extractor=dict(size=(160, 160), margin=15),
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    test_cfg=dict(rounds=10, agreement=0.95),
)
train_cfg = dict(type='AlternatingTrainLoop')
