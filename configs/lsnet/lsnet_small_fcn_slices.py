# L-SNet (FCN) of the comparison at CPU size. Every net sees 160x160 pixels: L-Net the slice,
# S-Net a crop out of 256x256. A margin of 15 of 320 pixels a side, half of the training RoIs
# jittered ground-truth boxes, box voting.
_base_ = [
    '../_base_/models/lsnet_small_fcn.py',
    '../_base_/datasets/slices_256.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    localizer=dict(head=dict(test_cfg=dict(vote=True))),
    localizer_size=(160, 160),
    roi_extractor=dict(size=(160, 160), margin=15),
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
)
train_cfg = dict(type='AlternatingTrainLoop')
