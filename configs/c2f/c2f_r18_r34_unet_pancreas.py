# Coarse-to-fine: a coarse net on ResNet-18 gives the boxes, pixels are cropped. All else as L-SNet.
_base_ = '../lsnet/lsnet_r18_r34_unet_pancreas_margin15.py'

resnet18 = dict(depth=18, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'))
coarse = {**_base_.model.segmentor, 'backbone': {**_base_.model.segmentor.backbone, **resnet18}}
model = dict(
    localizer=dict(_delete_=True, type='CoarseLocalizer', segmentor=coarse),
    roi_extractor=dict(type='HardCrop'),
)
