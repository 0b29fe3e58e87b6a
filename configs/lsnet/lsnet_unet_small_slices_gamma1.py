# Table 4.
_base_ = './lsnet_unet_small_slices.py'

model = dict(gamma=1)
