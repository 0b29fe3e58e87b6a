# A net of another library that gives a map of logits, in the place of a backbone: `net` is the full
# name of its class, the rest its options. It is trained by the losses of this project.
_base_ = '../unet_r34.py'
model = dict(
    backbone=dict(_delete_=True, type='lsnet_mm.experiments.benchmark.peers.build_net'),
    neck=None,
    decode_head=dict(
        _delete_=True,
        type='lsnet_mm.experiments.benchmark.peers.LogitsHead',
        in_channels=1,
        num_classes=2,
        out_channels=1,
        loss_decode=dict(type='FocalDiceLoss'),
    ),
)
