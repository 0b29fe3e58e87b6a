# Table 4.
_base_ = './lsnet_r18_r34_unet_pancreas_margin15.py'

model = dict(gamma=1)
