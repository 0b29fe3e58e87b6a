# Table 4.
_base_ = './lsnet_unet_w16_slices.py'

model = dict(gamma=1)
