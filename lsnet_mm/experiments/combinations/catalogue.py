"""S-Nets from MMSegmentation, each beside an L-Net: docs/combinations.md has the table."""

from copy import deepcopy
from pathlib import Path

import mmseg
import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope

import lsnet_mm.models  # noqa: F401  registers

from ...utils.config import config_parts, train_from_scratch
from ..reproduction.run import ROOT

STOCK = Path(mmseg.__file__).parent / '.mim' / 'configs'

OPS = 'mmcv._ext'  # mmcv's compiled operations
UPERNET = 'upernet_r18_4xb4-160k_ade20k-512x512'
FOUR = (0, 1, 2, 3)
RESNET = dict(type='ResNet', depth=18)
UNET = dict(type='UNetNeck')
# All stages of a plain transformer are at a sixteenth.
PLAIN = dict(embed_dims=192, num_layers=4, num_heads=3, out_indices=FOUR)

# L-Nets by name. A string is a file of configs/_base_/models with the whole of it; else it is a
# backbone, anything that gives several scales, or a list of a backbone and the necks that follow.
# Without necks a U-Net follows. A neck gets its `in_channels` from the maps that come, finest
# first; F' has a quarter of the image's resolution. A backbone without `type` is that of the S-Net,
# with what is there changed.
LOCALIZERS = dict(
    resnet18='lnet_unet_r18',
    resnet50='lnet_unet_r50',
    hrnet18='lnet_unet_hrnet18',
    mobilenet_v2='lnet_unet_mobilenet_v2',
    swin_t='lnet_unet_swin_t',
    mit_b0='lnet_unet_mit_b0',
    resnet18_fcn=[RESNET, dict(type='FCNNeck')],
    # Dilated: the last two stages stay at an eighth, and the neck does not mind.
    resnet18_d8=dict(RESNET, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    # A neck of the library's in between: the features become equally wide.
    resnet18_fpn=[RESNET, dict(type='FPN', out_channels=64, num_outs=4), UNET],
    # From an eighth on: a third step, without a skip, leads to a quarter.
    stdc1=dict(),
    mscan_t=dict(drop_path_rate=0.0),
    pcpvt_s=dict(drop_path_rate=0.0),
    # A neck of the library's makes the scales of what has one.
    vit=[
        dict(PLAIN, type='VisionTransformer', img_size=(320, 320)),
        dict(type='MultiLevelNeck', out_channels=192, scales=[4, 2, 1, 0.5]),
        UNET,
    ],
    # From MMPreTrain, MMDetection and timm.
    convnext=dict(
        type='mmpretrain.ConvNeXt', arch='atto', out_indices=FOUR, gap_before_final_norm=False
    ),
    pvt=dict(type='mmdet.PyramidVisionTransformerV2', embed_dims=32, num_layers=[2, 2, 2, 2]),
    efficientnet=dict(
        type='TIMMBackbone',
        model_name='efficientnet_b0',
        pretrained=False,
        out_indices=(1, 2, 3, 4),
    ),
)


def _s_net(
    config: str, localizer: str = 'resnet18', *needs: str, same_backbone: bool = False
) -> dict:
    return dict(config=config, localizer=localizer, needs=needs, same_backbone=same_backbone)


# One of each family of heads and backbones: the S-Net's config, as MMSegmentation calls it, one of
# LOCALIZERS, modules that must be installed, and whether it gets the L-Net's backbone.
COMBINATIONS = dict(
    # Heads on ResNet.
    fcn=_s_net('fcn_r18-d8_4xb2-80k_cityscapes-512x1024', 'resnet18_fcn'),
    pspnet=_s_net('pspnet_r18-d8_4xb2-80k_cityscapes-512x1024'),
    deeplabv3=_s_net('deeplabv3_r18-d8_4xb2-80k_cityscapes-512x1024', 'resnet18_d8'),
    deeplabv3plus=_s_net('deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024', 'resnet50'),
    upernet=_s_net(UPERNET),
    semantic_fpn=_s_net('fpn_r50_4xb4-160k_ade20k-512x512', 'resnet18_fpn'),
    danet=_s_net('danet_r50-d8_4xb4-160k_ade20k-512x512'),
    knet=_s_net('knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512'),
    pointrend=_s_net('pointrend_r50_4xb4-160k_ade20k-512x512', 'resnet18', OPS),
    mask2former=_s_net('mask2former_r50_8xb2-160k_ade20k-512x512', 'resnet18', OPS, 'mmdet'),
    # Other convolutional families.
    ocrnet_hrnet=_s_net('ocrnet_hr18s_4xb4-160k_ade20k-512x512', 'hrnet18'),
    deeplabv3plus_mobilenet=_s_net(
        'mobilenet-v2-d8_deeplabv3plus_4xb4-160k_ade20k-512x512', 'mobilenet_v2'
    ),
    unet_fcn=_s_net('unet-s5-d16_fcn_4xb4-ce-1.0-dice-3.0-40k_hrf-256x256'),
    bisenetv2=_s_net('bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024'),
    stdc=_s_net('stdc1_4xb12-80k_cityscapes-512x1024', 'stdc1'),
    # Its boundary loss needs GenerateEdge in the training pipeline, as in its own config.
    pidnet=_s_net('pidnet-s_2xb6-120k_1024x1024-cityscapes'),
    ddrnet=_s_net('ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024'),
    segnext=_s_net('segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512', 'mscan_t'),
    # Transformers.
    upernet_swin=_s_net(
        'swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512', 'swin_t'
    ),
    segformer=_s_net('segformer_mit-b0_8xb2-160k_ade20k-512x512', 'mit_b0'),
    fpn_twins=_s_net('twins_pcpvt-s_fpn_fpnhead_8xb4-80k_ade20k-512x512', 'pcpvt_s'),
    upernet_vit=_s_net('vit_deit-s16_mln_upernet_8xb2-160k_ade20k-512x512', 'vit'),
    segmenter=_s_net('segmenter_vit-t_mask_8xb1-160k_ade20k-512x512', 'vit'),
    # Backbones of MMPreTrain, MMDetection and timm, in both nets.
    upernet_convnext=_s_net(
        'convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512', 'convnext', 'mmpretrain'
    ),
    upernet_pvt=_s_net(UPERNET, 'pvt', OPS, 'mmdet', same_backbone=True),
    upernet_efficientnet=_s_net(UPERNET, 'efficientnet', 'timm', same_backbone=True),
)


def two_stage_model(
    config: str,
    localizer: str,
    crop_size: int,
    num_classes: int,
    same_backbone: bool = False,
) -> ConfigDict:
    """The config of an ``LSNet`` of two nets, from random weights.

    L-Net is asked for a box in every image, whatever it finds: an untrained one finds nothing.

    Args:
        config: Of the S-Net, one of MMSegmentation's.
        localizer: Of the L-Net, a key of ``LOCALIZERS``.
        crop_size: Height and width in pixels of the crops.
        num_classes: Of the S-Net, with background.
        same_backbone: S-Net gets L-Net's backbone, and its heads the channels of that.
    """
    model = Config.fromfile(ROOT / 'configs/_base_/models/lsnet_r18_r34_unet.py').model
    model.pop('test_cfg')  # scores beside the prediction
    model.segmentor = stock_model(config)
    model.localizer = localizer_config(localizer, model.segmentor)
    model.localizer.head.test_cfg = dict(score_thr=-1.0)
    model.roi_extractor.update(size=(crop_size, crop_size), margin=crop_size // 20)
    model.segmentor.pop('data_preprocessor', None)  # one serves both nets
    if same_backbone:
        model.segmentor.backbone = deepcopy(model.localizer.backbone)
        channels = fit_channels(model.localizer.backbone)
        model.segmentor.decode_head.in_channels = channels
        head = model.segmentor.auxiliary_head
        head.in_channels = channels[head.in_index]
    set_classes(model.segmentor, num_classes)
    return model


def localizer_config(name: str, other: dict) -> ConfigDict:
    """The config of one of ``LOCALIZERS`` beside the ``other`` net, from random weights."""
    parts = deepcopy(LOCALIZERS[name])
    file = parts if isinstance(parts, str) else 'lnet_unet_r18'
    localizer = Config.fromfile(ROOT / f'configs/_base_/models/{file}.py').localizer
    train_from_scratch(localizer)
    if not isinstance(parts, str):
        backbone, *necks = parts if isinstance(parts, list) else [parts, dict(type='UNetNeck')]
        if 'type' not in backbone:
            # Some of the library's backbones are a net around another.
            backbone = dict(other.backbone.get('backbone_cfg', other.backbone), **backbone)
        fit_channels(backbone, *necks)
        localizer.backbone, localizer.neck = backbone, necks
    return localizer


@torch.no_grad()
def fit_channels(backbone: dict, *necks: dict) -> list[int]:
    """Channels of the maps that a backbone gives; necks that follow it get theirs, in place."""
    init_default_scope('mmseg')
    features = torch.zeros(1, 3, 64, 64)
    channels = []
    for part in (backbone, *necks):
        if channels:
            part['in_channels'] = channels[-1]
        module = revert_sync_batchnorm(MODELS.build(part))
        module.eval()  # gives no module in MMSegmentation's ResNet
        features = module(features)
        channels.append([feature.shape[1] for feature in features])
    return channels[0]


def stock_file(config: str) -> Path:
    """Where one of MMSegmentation's configs is.

    Raises:
        FileNotFoundError: If there is none of this name.
    """
    if found := next(STOCK.glob(f'*/{config}.py'), None):
        return found
    raise FileNotFoundError(f'{config} is no config of MMSegmentation {mmseg.__version__}.')


def stock_model(config: str) -> ConfigDict:
    """The model of one of MMSegmentation's configs, from random weights."""
    # A config may import packages that are not installed; building then says which is missing.
    cfg = Config.fromfile(stock_file(config), import_custom_modules=False)
    train_from_scratch(cfg.model)
    return cfg.model


def set_classes(model: dict, num_classes: int) -> dict:
    """Sets the number of classes, with background, in a segmentor's config, and returns it.

    All heads that tell the classes of the data set apart get it, and weights of classes become 1.
    A head for something else, such as STDC's for boundaries, has a number of classes of its own.
    """
    head = model['decode_head']
    old = next(p['num_classes'] for p in config_parts(head) if 'num_classes' in p)
    for part in config_parts(model):
        if part.get('num_classes') == old:
            part['num_classes'] = num_classes
        if part.get('class_weight'):
            # A query head (Mask2Former) has one more, for no object.
            part['class_weight'] = [1.0] * num_classes + list(part['class_weight'])[old:]
    return model
