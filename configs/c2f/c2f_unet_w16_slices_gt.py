# The fine net is trained on (jittered) ground-truth boxes alone.
_base_ = './c2f_unet_w16_slices.py'

model = dict(roi_mixing=dict(type='RoIMixing', ratio=1.0))
