# The L-SNet of lsnet_r18_r34_fcn.py at width 16 on ResNet-18, from scratch.
_base_ = './lsnet_r18_r34_fcn.py'

model = dict(
    localizer=dict(
        backbone=dict(base_channels=16, stem_channels=16, init_cfg=None),
        neck=dict(in_channels=(16, 32, 64, 128), channels=32),
        head=dict(in_channels=32, feat_channels=32),
    ),
    segmentor=dict(
        backbone=dict(depth=18, base_channels=16, stem_channels=16, init_cfg=None),
        neck=dict(in_channels=(32, 64, 128), channels=32),
        decode_head=dict(in_channels=32),
    ),
)
