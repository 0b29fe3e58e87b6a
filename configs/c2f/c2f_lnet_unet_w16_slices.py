# Tables 2 and 3: L-Net as the first stage of coarse-to-fine, with a hard crop in place of RR.
_base_ = '../lsnet/lsnet_unet_w16_slices.py'

model = dict(roi_extractor=dict(type='HardCrop'))
