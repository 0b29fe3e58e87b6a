"""Nets of other libraries that segment slices; each needs its library, which none of ours does."""

import copy
from importlib.util import find_spec
from pydoc import locate

from torch import Tensor, nn

from ...models.decode_heads import ConvHead
from ...registry import MODELS
from .system import System

#: Where a net's class is, and its options: three channels in, one map of logits out.
PEERS = {
    'monai_basic_unet': (
        'monai.networks.nets.BasicUNet',
        dict(spatial_dims=2, in_channels=3, out_channels=1),
    ),
    'monai_attention_unet': (
        'monai.networks.nets.AttentionUnet',
        dict(
            spatial_dims=2,
            in_channels=3,
            out_channels=1,
            channels=(64, 128, 256, 512, 1024),  # widths of the Attention U-Net's paper
            strides=(2, 2, 2, 2),
        ),
    ),
    'smp_unet_r34': (
        'segmentation_models_pytorch.Unet',
        dict(encoder_name='resnet34', encoder_weights=None, in_channels=3, classes=1),
    ),
    'nnunet_2d': (  # what nnU-Net plans for slices of 320 pixels
        'dynamic_network_architectures.architectures.unet.PlainConvUNet',
        dict(
            input_channels=3,
            n_stages=7,
            features_per_stage=(32, 64, 128, 256, 512, 512, 512),
            conv_op=nn.Conv2d,
            kernel_sizes=3,
            strides=(1, 2, 2, 2, 2, 2, 2),
            n_conv_per_stage=2,
            num_classes=1,
            n_conv_per_stage_decoder=2,
            conv_bias=True,
            norm_op=nn.InstanceNorm2d,
            norm_op_kwargs=dict(eps=1e-5, affine=True),
            nonlin=nn.LeakyReLU,
            nonlin_kwargs=dict(inplace=True),
            deep_supervision=False,
        ),
    ),
}


def missing_library(name: str) -> str | None:
    """Why a peer cannot be run; None if it can."""
    package = PEERS[name][0].split('.')[0]
    if find_spec(package):
        return None
    return f'{package} is not installed (pip install {package.replace("_", "-")})'


def peer_system(name: str, baseline: System, variant: str = '') -> System:
    """A one-stage system with the baseline's data, optimizer and losses, and a peer's net in the
    place of a backbone."""
    net, options = PEERS[name]
    cfg = copy.deepcopy(baseline.cfg)
    cfg.model = dict(
        type='EncoderDecoder',
        data_preprocessor=cfg.model.get('data_preprocessor')
        or cfg.model.segmentor.data_preprocessor,
        backbone=dict(type=locate(net), **options),
        decode_head=dict(
            type='LogitsHead',
            in_channels=1,
            num_classes=2,
            out_channels=1,
            loss_decode=dict(type='FocalDiceLoss'),
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    name = f'{name}, {variant}' if variant else name
    return System(name, cfg, baseline.switches, peer=True)


@MODELS.register_module()
class LogitsHead(ConvHead):
    """Hands logits (N, 1, H, W) on: a net with its own last layer gets MMSegmentation's losses and
    results."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.conv_seg = nn.Identity()

    def init_weights(self) -> None:
        """There is nothing to start."""

    def forward(self, inputs: Tensor) -> Tensor:
        """What the net gave."""
        return inputs
