"""Segmentors of MMSegmentation as S-Net, each beside an L-Net: docs/combinations.md has the table.

By name: one of ``LOCALIZERS``, and a file of MMSegmentation's own configs whose model is the S-Net.
``changes`` are to that model, as in a config that inherits it; class counts are set for all alike.
``localizer_size``, ``crop_size``: height and width that L-Net or S-Net must see.
"""

from .localizers import DARKNET, EFFICIENTNET, FOUR, OPS, PLAIN, PVT, REGNET, RES2NET

UPERNET = 'upernet/upernet_r18_4xb4-160k_ade20k-512x512.py'

COMBINATIONS = dict(
    # ResNet: the heads of MMSegmentation.
    fcn=dict(localizer='resnet18_fcn', segmentor='fcn/fcn_r18-d8_4xb2-80k_cityscapes-512x1024.py'),
    pspnet=dict(
        localizer='resnet18', segmentor='pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py'
    ),
    deeplabv3=dict(
        localizer='resnet18_d8',
        segmentor='deeplabv3/deeplabv3_r18-d8_4xb2-80k_cityscapes-512x1024.py',
    ),
    deeplabv3plus=dict(
        localizer='resnet50',
        segmentor='deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024.py',
    ),
    upernet=dict(localizer='resnet18', segmentor=UPERNET),
    semantic_fpn=dict(
        localizer='resnet18_fpn', segmentor='sem_fpn/fpn_r50_4xb4-160k_ade20k-512x512.py'
    ),
    fastfcn=dict(
        localizer='resnet18',
        segmentor='fastfcn/fastfcn_r50-d32_jpu_psp_4xb4-160k_ade20k-512x512.py',
    ),
    ann=dict(localizer='resnet18', segmentor='ann/ann_r50-d8_4xb4-160k_ade20k-512x512.py'),
    apcnet=dict(localizer='resnet18', segmentor='apcnet/apcnet_r50-d8_4xb4-160k_ade20k-512x512.py'),
    danet=dict(localizer='resnet18', segmentor='danet/danet_r50-d8_4xb4-160k_ade20k-512x512.py'),
    dmnet=dict(localizer='resnet18', segmentor='dmnet/dmnet_r50-d8_4xb4-160k_ade20k-512x512.py'),
    dnlnet=dict(localizer='resnet18', segmentor='dnlnet/dnl_r50-d8_4xb4-160k_ade20k-512x512.py'),
    emanet=dict(
        localizer='resnet18', segmentor='emanet/emanet_r50-d8_4xb2-80k_cityscapes-512x1024.py'
    ),
    encnet=dict(localizer='resnet18', segmentor='encnet/encnet_r50-d8_4xb4-160k_ade20k-512x512.py'),
    gcnet=dict(localizer='resnet18', segmentor='gcnet/gcnet_r50-d8_4xb4-160k_ade20k-512x512.py'),
    isanet=dict(localizer='resnet18', segmentor='isanet/isanet_r50-d8_4xb4-160k_ade20k-512x512.py'),
    nonlocal_net=dict(
        localizer='resnet18',
        segmentor='nonlocal_net/nonlocal_r50-d8_4xb4-160k_ade20k-512x512.py',
    ),
    knet=dict(
        localizer='resnet18', segmentor='knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py'
    ),
    ccnet=dict(
        localizer='resnet18',
        segmentor='ccnet/ccnet_r50-d8_4xb4-160k_ade20k-512x512.py',
        needs=(OPS,),
    ),
    psanet=dict(
        localizer='resnet18',
        segmentor='psanet/psanet_r50-d8_4xb4-160k_ade20k-512x512.py',
        needs=(OPS,),
    ),
    pointrend=dict(
        localizer='resnet18',
        segmentor='point_rend/pointrend_r50_4xb4-160k_ade20k-512x512.py',
        needs=(OPS,),
    ),
    mask2former=dict(
        localizer='resnet18',
        segmentor='mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py',
        needs=('mmdet', OPS),
    ),
    # Other convolutional families.
    pspnet_resnext=dict(
        localizer='resnext50',
        segmentor='pspnet/pspnet_r50-d8_4xb4-160k_ade20k-512x512.py',
        changes=dict(backbone=dict(type='ResNeXt', groups=32, base_width=4)),
    ),
    pspnet_resnest=dict(
        localizer='resnest50',
        segmentor='resnest/resnest_s101-d8_pspnet_4xb4-160k_ade20k-512x512.py',
        changes=dict(backbone=dict(depth=50, stem_channels=64)),
    ),
    fcn_hrnet=dict(localizer='hrnet18', segmentor='hrnet/fcn_hr18s_4xb4-160k_ade20k-512x512.py'),
    ocrnet_hrnet=dict(
        localizer='hrnet18', segmentor='ocrnet/ocrnet_hr18s_4xb4-160k_ade20k-512x512.py'
    ),
    deeplabv3plus_mobilenet=dict(
        localizer='mobilenet_v2',
        segmentor='mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb4-160k_ade20k-512x512.py',
    ),
    lraspp_mobilenet=dict(
        localizer='mobilenet_v3',
        segmentor='mobilenet_v3/mobilenet-v3-d8-scratch-s_lraspp_4xb4-320k_cityscapes-512x1024.py',
        crop_size=400,  # its head pools windows of 49x49 cells, at an eighth
    ),
    unet_fcn=dict(
        localizer='resnet18',
        segmentor='unet/unet-s5-d16_fcn_4xb4-ce-1.0-dice-3.0-40k_hrf-256x256.py',
    ),
    unet_deeplabv3=dict(
        localizer='resnet18', segmentor='unet/unet-s5-d16_deeplabv3_4xb4-40k_hrf-256x256.py'
    ),
    bisenetv1=dict(
        localizer='resnet18',
        segmentor='bisenetv1/bisenetv1_r18-d32_4xb4-160k_cityscapes-1024x1024.py',
    ),
    bisenetv2=dict(
        localizer='resnet18', segmentor='bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024.py'
    ),
    icnet=dict(localizer='resnet18', segmentor='icnet/icnet_r18-d8_4xb2-80k_cityscapes-832x832.py'),
    fast_scnn=dict(
        localizer='resnet18', segmentor='fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py'
    ),
    cgnet=dict(localizer='resnet18', segmentor='cgnet/cgnet_fcn_4xb4-60k_cityscapes-680x680.py'),
    erfnet=dict(
        localizer='resnet18', segmentor='erfnet/erfnet_fcn_4xb4-160k_cityscapes-512x1024.py'
    ),
    stdc=dict(localizer='stdc1', segmentor='stdc/stdc1_4xb12-80k_cityscapes-512x1024.py'),
    # Its boundary loss needs GenerateEdge in the training pipeline, as in its own config.
    pidnet=dict(
        localizer='resnet18', segmentor='pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes.py'
    ),
    ddrnet=dict(
        localizer='resnet18',
        segmentor='ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024.py',
    ),
    segnext=dict(
        localizer='mscan_t', segmentor='segnext/segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512.py'
    ),
    # Transformers.
    upernet_swin=dict(
        localizer='swin_t',
        segmentor='swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py',
    ),
    segformer=dict(
        localizer='mit_b0', segmentor='segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'
    ),
    fpn_twins=dict(
        localizer='pcpvt_s', segmentor='twins/twins_pcpvt-s_fpn_fpnhead_8xb4-80k_ade20k-512x512.py'
    ),
    upernet_twins=dict(
        localizer='svt_s', segmentor='twins/twins_svt-s_uperhead_8xb2-160k_ade20k-512x512.py'
    ),
    upernet_vit=dict(
        localizer='vit', segmentor='vit/vit_deit-s16_mln_upernet_8xb2-160k_ade20k-512x512.py'
    ),
    segmenter=dict(
        localizer='vit', segmentor='segmenter/segmenter_vit-t_mask_8xb1-160k_ade20k-512x512.py'
    ),
    setr=dict(
        localizer='vit',
        segmentor='setr/setr_vit-l_pup_8xb2-160k_ade20k-512x512.py',
        changes=dict(backbone=dict(num_layers=4, out_indices=FOUR)),
    ),
    dpt=dict(
        localizer='vit',
        segmentor='dpt/dpt_vit-b16_8xb2-160k_ade20k-512x512.py',
        changes=dict(backbone=dict(num_layers=4, out_indices=FOUR)),
    ),
    upernet_beit=dict(
        localizer='beit',
        localizer_size=128,
        crop_size=128,
        segmentor='beit/beit-base_upernet_8xb2-160k_ade20k-640x640.py',
        changes=dict(
            backbone=dict(out_indices=FOUR, **PLAIN),
            neck=dict(embed_dim=192),
            decode_head=dict(in_channels=[192] * 4, channels=192),
            auxiliary_head=dict(in_channels=192),
        ),
    ),
    upernet_mae=dict(
        localizer='mae',
        localizer_size=128,
        crop_size=128,
        segmentor='mae/mae-base_upernet_8xb2-amp-160k_ade20k-512x512.py',
        changes=dict(
            backbone=dict(out_indices=FOUR, **PLAIN),
            neck=dict(embed_dim=192),
            decode_head=dict(in_channels=[192] * 4, channels=192),
            auxiliary_head=dict(in_channels=192),
        ),
    ),
    # Backbones of MMPreTrain, MMDetection and timm, in both nets.
    upernet_convnext=dict(
        localizer='convnext',
        segmentor='convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py',
        needs=('mmpretrain',),
    ),
    fpn_poolformer=dict(
        localizer='poolformer',
        segmentor='poolformer/fpn_poolformer_s12_8xb4-40k_ade20k-512x512.py',
        needs=('mmpretrain',),
    ),
    upernet_regnet=dict(
        localizer='regnet',
        segmentor=UPERNET,
        changes=dict(
            backbone=dict(_delete_=True, **REGNET),
            decode_head=dict(in_channels=[32, 64, 160, 384]),
            auxiliary_head=dict(in_channels=160),
        ),
    ),
    upernet_res2net=dict(
        localizer='res2net',
        segmentor=UPERNET,
        changes=dict(
            backbone=dict(_delete_=True, **RES2NET),
            decode_head=dict(in_channels=[256, 512, 1024, 2048]),
            auxiliary_head=dict(in_channels=1024),
        ),
    ),
    upernet_pvt=dict(
        localizer='pvt',
        segmentor=UPERNET,
        changes=dict(
            backbone=dict(_delete_=True, **PVT),
            decode_head=dict(in_channels=[32, 64, 160, 256]),
            auxiliary_head=dict(in_channels=160),
        ),
    ),
    upernet_darknet=dict(
        localizer='darknet',
        segmentor=UPERNET,
        changes=dict(
            backbone=dict(_delete_=True, **DARKNET),
            decode_head=dict(in_channels=[64, 128, 256, 512]),
            auxiliary_head=dict(in_channels=256),
        ),
    ),
    upernet_efficientnet=dict(
        localizer='efficientnet',
        segmentor=UPERNET,
        changes=dict(
            backbone=dict(_delete_=True, **EFFICIENTNET),
            decode_head=dict(in_channels=[24, 40, 112, 320]),
            auxiliary_head=dict(in_channels=112),
        ),
    ),
)
