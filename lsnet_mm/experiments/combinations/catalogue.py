"""S-Nets from MMSegmentation, each beside an L-Net: docs/combinations.md has the table."""

OPS = 'mmcv._ext'  # mmcv's compiled operations
UPERNET = 'upernet/upernet_r18_4xb4-160k_ade20k-512x512'
FOUR = (0, 1, 2, 3)
BN = dict(type='BN')
RESNET = dict(type='ResNet', depth=18)

# Backbones from outside MMSegmentation, for either net.
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


def _unet(*in_channels: int, **more: object) -> dict:
    return dict(type='UNetNeck', in_channels=in_channels, **more)


def _s_net(config: str, localizer: str = 'resnet18', **more: object) -> dict:
    return dict(config=f'{config}.py', localizer_name=localizer, **more)


def _on(backbone: dict, *channels: int) -> dict:
    """What makes a UPerNet of ResNet-18 one of another backbone with so many channels a scale."""
    return dict(
        backbone=dict(_delete_=True, **backbone),
        decode_head=dict(in_channels=list(channels)),
        auxiliary_head=dict(in_channels=channels[2]),
    )


PYRAMID = [
    dict(type='Feature2Pyramid', embed_dim=192, norm_cfg=BN),
    _unet(192, 192, 192, 192),
]

# By name: a file of configs/_base_/models, or what takes the place of backbone and neck in
# lnet_unet_r18.py there: anything that gives several scales. Features go into the neck finest
# first, and F' has a quarter of the image's resolution.
LOCALIZERS = dict(
    resnet18=dict(backbone=RESNET, neck=_unet(64, 128, 256, 512)),
    resnet18_fcn=dict(backbone=RESNET, neck=dict(type='FCNNeck', in_channels=(64, 128, 256, 512))),
    resnet50='lnet_unet_r50',
    # Dilated: the last two stages stay at an eighth, and the neck does not mind.
    resnet18_d8=dict(
        backbone=dict(type='ResNet', depth=18, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
        neck=_unet(64, 128, 256, 512),
    ),
    # A neck of the library's in between: the features become equally wide.
    resnet18_fpn=dict(
        backbone=RESNET,
        neck=[
            dict(type='FPN', in_channels=[64, 128, 256, 512], out_channels=64, num_outs=4),
            _unet(64, 64, 64, 64),
        ],
    ),
    resnext50=dict(
        backbone=dict(type='ResNeXt', depth=50, groups=32, base_width=4),
        neck=_unet(256, 512, 1024, 2048),
    ),
    resnest50=dict(
        backbone=dict(type='ResNeSt', depth=50, stem_channels=64, radix=2, avg_down_stride=True),
        neck=_unet(256, 512, 1024, 2048),
    ),
    hrnet18='lnet_unet_hrnet18',
    mobilenet_v2='lnet_unet_mobilenet_v2',
    # Two scales, a quarter and an eighth: one step.
    mobilenet_v3=dict(
        backbone=dict(type='MobileNetV3', arch='small', out_indices=(1, 12)),
        neck=_unet(16, 576, channels=(64,)),
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
        neck=_unet(256, 512, 1024),
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
        neck=_unet(32, 64, 160, 256),
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
        neck=_unet(64, 128, 320, 512),
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
        neck=_unet(64, 128, 256, 512),
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
            _unet(192, 192, 192, 192),
        ],
    ),
    beit=dict(backbone=dict(type='BEiT', out_indices=FOUR, **PLAIN), neck=PYRAMID),
    mae=dict(backbone=dict(type='MAE', out_indices=FOUR, **PLAIN), neck=PYRAMID),
    convnext=dict(
        backbone=dict(
            type='mmpretrain.ConvNeXt',
            arch='atto',
            out_indices=[0, 1, 2, 3],
            gap_before_final_norm=False,
        ),
        neck=_unet(40, 80, 160, 320),
    ),
    poolformer=dict(
        backbone=dict(type='mmpretrain.PoolFormer', arch='s12', out_indices=(0, 2, 4, 6)),
        neck=_unet(64, 128, 320, 512),
    ),
    regnet=dict(backbone=REGNET, neck=_unet(32, 64, 160, 384)),
    res2net=dict(backbone=RES2NET, neck=_unet(256, 512, 1024, 2048)),
    pvt=dict(backbone=PVT, neck=_unet(32, 64, 160, 256)),
    darknet=dict(backbone=DARKNET, neck=_unet(64, 128, 256, 512)),
    efficientnet=dict(backbone=EFFICIENTNET, neck=_unet(24, 40, 112, 320)),
)

SHALLOW = dict(backbone=dict(num_layers=4, out_indices=FOUR))
NARROW = dict(
    localizer_size=128,
    crop_size=128,
    changes=dict(
        backbone=dict(out_indices=FOUR, **PLAIN),
        neck=dict(embed_dim=192),
        decode_head=dict(in_channels=[192] * 4, channels=192),
        auxiliary_head=dict(in_channels=192),
    ),
)

# By name: a file of MMSegmentation's own configs whose model is the S-Net, one of LOCALIZERS, and
# more attributes of `Combination`. Class counts are set for all alike.
COMBINATIONS = dict(
    # ResNet: the heads of MMSegmentation.
    fcn=_s_net('fcn/fcn_r18-d8_4xb2-80k_cityscapes-512x1024', 'resnet18_fcn'),
    pspnet=_s_net('pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024'),
    deeplabv3=_s_net('deeplabv3/deeplabv3_r18-d8_4xb2-80k_cityscapes-512x1024', 'resnet18_d8'),
    deeplabv3plus=_s_net(
        'deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024', 'resnet50'
    ),
    upernet=_s_net(UPERNET),
    semantic_fpn=_s_net('sem_fpn/fpn_r50_4xb4-160k_ade20k-512x512', 'resnet18_fpn'),
    fastfcn=_s_net('fastfcn/fastfcn_r50-d32_jpu_psp_4xb4-160k_ade20k-512x512'),
    ann=_s_net('ann/ann_r50-d8_4xb4-160k_ade20k-512x512'),
    apcnet=_s_net('apcnet/apcnet_r50-d8_4xb4-160k_ade20k-512x512'),
    danet=_s_net('danet/danet_r50-d8_4xb4-160k_ade20k-512x512'),
    dmnet=_s_net('dmnet/dmnet_r50-d8_4xb4-160k_ade20k-512x512'),
    dnlnet=_s_net('dnlnet/dnl_r50-d8_4xb4-160k_ade20k-512x512'),
    emanet=_s_net('emanet/emanet_r50-d8_4xb2-80k_cityscapes-512x1024'),
    encnet=_s_net('encnet/encnet_r50-d8_4xb4-160k_ade20k-512x512'),
    gcnet=_s_net('gcnet/gcnet_r50-d8_4xb4-160k_ade20k-512x512'),
    isanet=_s_net('isanet/isanet_r50-d8_4xb4-160k_ade20k-512x512'),
    nonlocal_net=_s_net('nonlocal_net/nonlocal_r50-d8_4xb4-160k_ade20k-512x512'),
    knet=_s_net('knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512'),
    ccnet=_s_net('ccnet/ccnet_r50-d8_4xb4-160k_ade20k-512x512', needs=(OPS,)),
    psanet=_s_net('psanet/psanet_r50-d8_4xb4-160k_ade20k-512x512', needs=(OPS,)),
    pointrend=_s_net('point_rend/pointrend_r50_4xb4-160k_ade20k-512x512', needs=(OPS,)),
    mask2former=_s_net(
        'mask2former/mask2former_r50_8xb2-160k_ade20k-512x512', needs=(OPS, 'mmdet')
    ),
    # Other convolutional families.
    pspnet_resnext=_s_net(
        'pspnet/pspnet_r50-d8_4xb4-160k_ade20k-512x512',
        'resnext50',
        changes=dict(backbone=dict(type='ResNeXt', groups=32, base_width=4)),
    ),
    pspnet_resnest=_s_net(
        'resnest/resnest_s101-d8_pspnet_4xb4-160k_ade20k-512x512',
        'resnest50',
        changes=dict(backbone=dict(depth=50, stem_channels=64)),
    ),
    fcn_hrnet=_s_net('hrnet/fcn_hr18s_4xb4-160k_ade20k-512x512', 'hrnet18'),
    ocrnet_hrnet=_s_net('ocrnet/ocrnet_hr18s_4xb4-160k_ade20k-512x512', 'hrnet18'),
    deeplabv3plus_mobilenet=_s_net(
        'mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb4-160k_ade20k-512x512', 'mobilenet_v2'
    ),
    lraspp_mobilenet=_s_net(
        'mobilenet_v3/mobilenet-v3-d8-scratch-s_lraspp_4xb4-320k_cityscapes-512x1024',
        'mobilenet_v3',
        crop_size=400,  # its head pools windows of 49x49 cells, at an eighth
    ),
    unet_fcn=_s_net('unet/unet-s5-d16_fcn_4xb4-ce-1.0-dice-3.0-40k_hrf-256x256'),
    unet_deeplabv3=_s_net('unet/unet-s5-d16_deeplabv3_4xb4-40k_hrf-256x256'),
    bisenetv1=_s_net('bisenetv1/bisenetv1_r18-d32_4xb4-160k_cityscapes-1024x1024'),
    bisenetv2=_s_net('bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024'),
    icnet=_s_net('icnet/icnet_r18-d8_4xb2-80k_cityscapes-832x832'),
    fast_scnn=_s_net('fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024'),
    cgnet=_s_net('cgnet/cgnet_fcn_4xb4-60k_cityscapes-680x680'),
    erfnet=_s_net('erfnet/erfnet_fcn_4xb4-160k_cityscapes-512x1024'),
    stdc=_s_net('stdc/stdc1_4xb12-80k_cityscapes-512x1024', 'stdc1'),
    # Its boundary loss needs GenerateEdge in the training pipeline, as in its own config.
    pidnet=_s_net('pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes'),
    ddrnet=_s_net('ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024'),
    segnext=_s_net('segnext/segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512', 'mscan_t'),
    # Transformers.
    upernet_swin=_s_net(
        'swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512', 'swin_t'
    ),
    segformer=_s_net('segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512', 'mit_b0'),
    fpn_twins=_s_net('twins/twins_pcpvt-s_fpn_fpnhead_8xb4-80k_ade20k-512x512', 'pcpvt_s'),
    upernet_twins=_s_net('twins/twins_svt-s_uperhead_8xb2-160k_ade20k-512x512', 'svt_s'),
    upernet_vit=_s_net('vit/vit_deit-s16_mln_upernet_8xb2-160k_ade20k-512x512', 'vit'),
    segmenter=_s_net('segmenter/segmenter_vit-t_mask_8xb1-160k_ade20k-512x512', 'vit'),
    setr=_s_net('setr/setr_vit-l_pup_8xb2-160k_ade20k-512x512', 'vit', changes=SHALLOW),
    dpt=_s_net('dpt/dpt_vit-b16_8xb2-160k_ade20k-512x512', 'vit', changes=SHALLOW),
    upernet_beit=_s_net('beit/beit-base_upernet_8xb2-160k_ade20k-640x640', 'beit', **NARROW),
    upernet_mae=_s_net('mae/mae-base_upernet_8xb2-amp-160k_ade20k-512x512', 'mae', **NARROW),
    # Backbones of MMPreTrain, MMDetection and timm, in both nets.
    upernet_convnext=_s_net(
        'convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512',
        'convnext',
        needs=('mmpretrain',),
    ),
    fpn_poolformer=_s_net(
        'poolformer/fpn_poolformer_s12_8xb4-40k_ade20k-512x512',
        'poolformer',
        needs=('mmpretrain',),
    ),
    upernet_regnet=_s_net(
        UPERNET, 'regnet', changes=_on(REGNET, 32, 64, 160, 384), needs=(OPS, 'mmdet')
    ),
    upernet_res2net=_s_net(
        UPERNET, 'res2net', changes=_on(RES2NET, 256, 512, 1024, 2048), needs=(OPS, 'mmdet')
    ),
    upernet_pvt=_s_net(UPERNET, 'pvt', changes=_on(PVT, 32, 64, 160, 256), needs=(OPS, 'mmdet')),
    upernet_darknet=_s_net(
        UPERNET, 'darknet', changes=_on(DARKNET, 64, 128, 256, 512), needs=(OPS, 'mmdet')
    ),
    upernet_efficientnet=_s_net(
        UPERNET, 'efficientnet', changes=_on(EFFICIENTNET, 24, 40, 112, 320), needs=('timm',)
    ),
)
