# Preset "accurate": L-Net sees the slice at 320x320, S-Net a crop of 320x320 out of the slice
# itself, with what makes boxes better: RoI mixing, a margin of 15 of 320 pixels, voting, a mask
# beside the boxes that has a say in empty slices, rounds.
_base_ = [
    '../_base_/models/lsnet_r18_r34_unet.py',
    '../_base_/datasets/pancreas_ct_native.py',
    '../_base_/schedules/paper_60e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    localizer=dict(
        head=dict(
            loss_cls=dict(batch_dice=True),
            loss_mask=dict(type='FocalDiceLoss', batch_dice=True),
            test_cfg=dict(vote=True, score_thr=0.4, veto_thr=0.2),
        )
    ),
    localizer_size=(320, 320),
    roi_extractor=dict(margin=15),
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
    segmentor=dict(decode_head=dict(loss_decode=dict(batch_dice=True))),
    test_cfg=dict(rounds=10, agreement=0.95),
)
train_cfg = dict(type='AlternatingTrainLoop')
