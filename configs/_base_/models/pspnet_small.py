# The PSPNet of pspnet_r34.py at width 16 on ResNet-18, from scratch.
_base_ = './pspnet_r34.py'
model = dict(
    backbone=dict(depth=18, base_channels=16, stem_channels=16, init_cfg=None),
    decode_head=dict(in_channels=128, channels=64),
    auxiliary_head=dict(in_channels=64, channels=32),
)
