"""Backbones and necks for an L-Net: anything that gives several scales.

Features go into the neck finest first, and F' has a quarter of the image's resolution.
"""

OPS = 'mmcv._ext'  # mmcv's compiled operations
FOUR = (0, 1, 2, 3)
BN = dict(type='BN')

# Backbones from outside MMSegmentation, for either net of catalogue.py.
REGNET = dict(type='mmdet.RegNet', arch='regnetx_400mf', out_indices=FOUR, norm_cfg=BN)
RES2NET = dict(type='mmdet.Res2Net', depth=50, scales=4, base_width=26, out_indices=FOUR)
PVT = dict(type='mmdet.PyramidVisionTransformerV2', embed_dims=32, num_layers=[2, 2, 2, 2])
DARKNET = dict(
    type='mmdet.CSPDarknet', widen_factor=0.5, deepen_factor=0.33, out_indices=(1, 2, 3, 4)
)
EFFICIENTNET = dict(
    type='TIMMBackbone', model_name='efficientnet_b0', pretrained=False, out_indices=(1, 2, 3, 4)
)

# BEiT and MAE alike: they take images of this size alone.
PLAIN = dict(img_size=(128, 128), embed_dims=192, num_layers=4, num_heads=3, init_values=0.1)

# By name: a file of configs/_base_/models, or what takes the place of backbone and neck in
# lnet_unet_r18.py there. `needs` names modules that an installation may lack.
LOCALIZERS = dict(
    resnet18=dict(
        backbone=dict(type='ResNet', depth=18),
        neck=dict(type='UNetNeck', in_channels=(64, 128, 256, 512)),
    ),
    resnet18_fcn=dict(
        backbone=dict(type='ResNet', depth=18),
        neck=dict(type='FCNNeck', in_channels=(64, 128, 256, 512)),
    ),
    resnet50='lnet_unet_r50',
    # Dilated: the last two stages stay at an eighth, and the neck does not mind.
    resnet18_d8=dict(
        backbone=dict(type='ResNet', depth=18, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
        neck=dict(type='UNetNeck', in_channels=(64, 128, 256, 512)),
    ),
    # A neck of the library's in between: the features become equally wide.
    resnet18_fpn=dict(
        backbone=dict(type='ResNet', depth=18),
        neck=[
            dict(type='FPN', in_channels=[64, 128, 256, 512], out_channels=64, num_outs=4),
            dict(type='UNetNeck', in_channels=(64, 64, 64, 64)),
        ],
    ),
    resnext50=dict(
        backbone=dict(type='ResNeXt', depth=50, groups=32, base_width=4),
        neck=dict(type='UNetNeck', in_channels=(256, 512, 1024, 2048)),
    ),
    resnest50=dict(
        backbone=dict(type='ResNeSt', depth=50, stem_channels=64, radix=2, avg_down_stride=True),
        neck=dict(type='UNetNeck', in_channels=(256, 512, 1024, 2048)),
    ),
    hrnet18='lnet_unet_hrnet18',
    mobilenet_v2='lnet_unet_mobilenet_v2',
    # Two scales, a quarter and an eighth: one step.
    mobilenet_v3=dict(
        backbone=dict(type='MobileNetV3', arch='small', out_indices=(1, 12)),
        neck=dict(type='UNetNeck', in_channels=(16, 576), channels=(64,)),
    ),
    # From an eighth on: a third step, without a skip, leads to a quarter.
    stdc1=dict(
        backbone=dict(
            type='STDCNet',
            stdc_type='STDCNet1',
            in_channels=3,
            channels=(32, 64, 256, 512, 1024),
            bottleneck_type='cat',
            norm_cfg=BN,
            act_cfg=dict(type='ReLU'),
        ),
        neck=dict(type='UNetNeck', in_channels=(256, 512, 1024)),
    ),
    swin_t='lnet_unet_swin_t',
    mit_b0='lnet_unet_mit_b0',
    mscan_t=dict(
        backbone=dict(
            type='MSCAN',
            embed_dims=[32, 64, 160, 256],
            mlp_ratios=[8, 8, 4, 4],
            depths=[3, 3, 5, 2],
            norm_cfg=BN,
        ),
        neck=dict(type='UNetNeck', in_channels=(32, 64, 160, 256)),
    ),
    pcpvt_s=dict(
        backbone=dict(
            type='PCPVT',
            embed_dims=[64, 128, 320, 512],
            num_heads=[1, 2, 5, 8],
            patch_sizes=[4, 2, 2, 2],
            strides=[4, 2, 2, 2],
            mlp_ratios=[8, 8, 4, 4],
            out_indices=FOUR,
            qkv_bias=True,
            depths=[3, 4, 6, 3],
            sr_ratios=[8, 4, 2, 1],
            norm_after_stage=False,
        ),
        neck=dict(type='UNetNeck', in_channels=(64, 128, 320, 512)),
    ),
    svt_s=dict(
        backbone=dict(
            type='SVT',
            embed_dims=[64, 128, 256, 512],
            num_heads=[2, 4, 8, 16],
            mlp_ratios=[4, 4, 4, 4],
            out_indices=FOUR,
            qkv_bias=True,
            depths=[2, 2, 10, 4],
            sr_ratios=[8, 4, 2, 1],
            windiow_sizes=[7, 7, 7, 7],  # its spelling
        ),
        neck=dict(type='UNetNeck', in_channels=(64, 128, 256, 512)),
    ),
    # Plain transformers have all their features at a sixteenth: a neck of the library's makes the
    # scales.
    vit=dict(
        backbone=dict(
            type='VisionTransformer',
            img_size=(320, 320),
            embed_dims=192,
            num_layers=4,
            num_heads=3,
            out_indices=FOUR,
        ),
        neck=[
            dict(
                type='MultiLevelNeck',
                in_channels=[192] * 4,
                out_channels=192,
                scales=[4, 2, 1, 0.5],
            ),
            dict(type='UNetNeck', in_channels=(192, 192, 192, 192)),
        ],
    ),
    beit=dict(
        backbone=dict(type='BEiT', out_indices=FOUR, **PLAIN),
        neck=[
            dict(type='Feature2Pyramid', embed_dim=192, norm_cfg=BN),
            dict(type='UNetNeck', in_channels=(192, 192, 192, 192)),
        ],
    ),
    mae=dict(
        backbone=dict(type='MAE', out_indices=FOUR, **PLAIN),
        neck=[
            dict(type='Feature2Pyramid', embed_dim=192, norm_cfg=BN),
            dict(type='UNetNeck', in_channels=(192, 192, 192, 192)),
        ],
    ),
    convnext=dict(
        backbone=dict(
            type='mmpretrain.ConvNeXt',
            arch='atto',
            out_indices=[0, 1, 2, 3],
            gap_before_final_norm=False,
        ),
        neck=dict(type='UNetNeck', in_channels=(40, 80, 160, 320)),
        needs=('mmpretrain',),
    ),
    poolformer=dict(
        backbone=dict(type='mmpretrain.PoolFormer', arch='s12', out_indices=(0, 2, 4, 6)),
        neck=dict(type='UNetNeck', in_channels=(64, 128, 320, 512)),
        needs=('mmpretrain',),
    ),
    regnet=dict(
        backbone=REGNET,
        neck=dict(type='UNetNeck', in_channels=(32, 64, 160, 384)),
        needs=('mmdet', OPS),
    ),
    res2net=dict(
        backbone=RES2NET,
        neck=dict(type='UNetNeck', in_channels=(256, 512, 1024, 2048)),
        needs=('mmdet', OPS),
    ),
    pvt=dict(
        backbone=PVT,
        neck=dict(type='UNetNeck', in_channels=(32, 64, 160, 256)),
        needs=('mmdet', OPS),
    ),
    darknet=dict(
        backbone=DARKNET,
        neck=dict(type='UNetNeck', in_channels=(64, 128, 256, 512)),
        needs=('mmdet', OPS),
    ),
    efficientnet=dict(
        backbone=EFFICIENTNET,
        neck=dict(type='UNetNeck', in_channels=(24, 40, 112, 320)),
        needs=('timm',),
    ),
)
