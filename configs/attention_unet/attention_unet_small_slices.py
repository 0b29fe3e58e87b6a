# The U-Net with gated skip connections (Oktay et al., 2018).
_base_ = '../unet/unet_small_slices.py'

model = dict(neck=dict(type='AttentionUNetNeck'))
