# The fine net is trained on (jittered) ground-truth boxes alone.
_base_ = './c2f_r18_r34_unet_pancreas.py'

model = dict(roi_mixing=dict(type='RoIMixing', ratio=1.0))
