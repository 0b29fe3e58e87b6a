# Recurrent saliency transformation (Yu et al., CVPR 2018): the coarse map weights the image of the
# fine net, and both nets are trained jointly. All else is coarse-to-fine's.
_base_ = '../c2f/c2f_unet_w16_slices.py'

model = dict(type='RSTN', transform=dict(type='SaliencyTransform'), gamma=1.0)
train_cfg = dict(type='EpochBasedTrainLoop')
