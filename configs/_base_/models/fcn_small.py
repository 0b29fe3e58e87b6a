# The FCN-8s of fcn_r34.py at width 16 on ResNet-18, from scratch.
_base_ = './fcn_r34.py'
model = dict(
    backbone=dict(depth=18, base_channels=16, stem_channels=16, init_cfg=None),
    neck=dict(in_channels=(32, 64, 128), channels=32),
    decode_head=dict(in_channels=32),
)
