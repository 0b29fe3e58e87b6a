# Ablation: L-Net's own boxes, voted, without refinement. Tests the same checkpoint.
_base_ = './lsnet_small_slices.py'

model = dict(rounds=0)
