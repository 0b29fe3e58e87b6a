# Tables 2 and 3: L-Net as the first stage of coarse-to-fine, with a hard crop in place of RR.
_base_ = '../lsnet/lsnet_r18_r34_unet_pancreas_margin15.py'

model = dict(roi_extractor=dict(type='HardCrop'))
