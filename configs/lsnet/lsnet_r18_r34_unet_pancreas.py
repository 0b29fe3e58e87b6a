# The paper's L-SNet (U-Net).
_base_ = [
    '../_base_/models/lsnet_r18_r34_unet.py',
    '../_base_/datasets/pancreas_ct_320.py',
    '../_base_/schedules/paper_60e.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(type='AlternatingTrainLoop')
