# nnU-Net's plain network of six stages, at the width of the other small nets.
_base_ = [
    '../_base_/models/peers/nnunet_2d.py',
    '../_base_/datasets/slices_160.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        multiple=32,
        n_stages=6,
        features_per_stage=(16, 32, 64, 128, 256, 256),
        strides=(1, 2, 2, 2, 2, 2),
    )
)
