# Coarse-to-fine: a coarse net gives the boxes, pixels are cropped. All else is L-SNet's.
_base_ = '../lsnet/lsnet_lite0_unet_slices.py'

model = dict(
    localizer=dict(_delete_=True, type='CoarseLocalizer', segmentor=_base_.model.segmentor),
    roi_extractor=dict(type='HardCrop'),
)
