# Preset "accurate" at width 16, on real slices: both nets see 320x320 pixels, S-Net a crop out of
# the slice itself, with RoI mixing, a wider margin, box voting, a mask beside the boxes and
# refinement rounds.
_base_ = [
    '../_base_/models/lsnet_small_unet.py',
    '../_base_/datasets/slices_native.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    localizer=dict(
        head=dict(
            loss_mask=dict(type='FocalDiceLoss'),
            test_cfg=dict(vote=True, score_thr=0.4, veto_thr=0.2),
        )
    ),
    localizer_size=(320, 320),
    roi_extractor=dict(margin=15),
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    test_cfg=dict(rounds=10, agreement=0.95),
)
train_cfg = dict(type='AlternatingTrainLoop')
