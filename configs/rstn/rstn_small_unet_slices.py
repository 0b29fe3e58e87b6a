# Recurrent saliency transformation (Yu et al., CVPR 2018): the coarse map weights the image of the
# fine net, and both nets are trained jointly. All else is coarse-to-fine's.
_base_ = '../lsnet/lsnet_small_unet_slices.py'

model = dict(
    type='RSTN',
    localizer=dict(_delete_=True, type='CoarseLocalizer', segmentor=_base_.model.segmentor),
    transform=dict(type='SaliencyTransform'),
    roi_extractor=dict(type='HardCrop'),
    gamma=1.0,
)
train_cfg = dict(type='EpochBasedTrainLoop')
