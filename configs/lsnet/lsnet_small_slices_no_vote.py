# Ablation: the box at the peak instead of the voted one. Tests the same checkpoint.
_base_ = './lsnet_small_slices.py'

model = dict(model=dict(localizer=dict(head=dict(test_cfg=dict(vote=False)))))
