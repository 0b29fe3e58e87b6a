# Coarse-to-fine: a coarse net on ResNet-18 gives the boxes, pixels are cropped, with a border of 15
# pixels a side. All else as L-SNet.
_base_ = '../lsnet/lsnet_r18_r34_fcn_pancreas.py'

model = dict(
    localizer=dict(
        _delete_=True,
        type='CoarseLocalizer',
        segmentor=_base_.model.segmentor
        | dict(
            backbone=_base_.model.segmentor.backbone
            | dict(
                depth=18,
                init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'),
            )
        ),
    ),
    roi_extractor=dict(type='HardCrop', margin=15),
)
