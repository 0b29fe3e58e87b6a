"""Nets of other libraries that segment slices; each needs its library, which none of ours does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from torch import nn

from .subject import Subject


@dataclass(frozen=True)
class Peer:
    """A net of another library.

    Attributes:
        package: To import.
        install: What pip calls it.
        build: Gives the net: three channels in, one map of logits out, from random weights.
    """

    package: str
    install: str
    build: Callable[[], nn.Module]

    def missing(self) -> str | None:
        """Why it cannot be run; None if it can."""
        if find_spec(self.package):
            return None
        return f'{self.package} is not installed (pip install {self.install})'

    def subject(self, name: str, baseline: Subject) -> Subject:
        """A one-stage system with the baseline's data, optimizer and losses."""
        cfg = copy.deepcopy(baseline.cfg)
        cfg.model = dict(
            type='EncoderDecoder',
            data_preprocessor=cfg.model.get('data_preprocessor')
            or cfg.model.segmentor.data_preprocessor,
            backbone=dict(type='PeerNet', peer=name),
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
        return Subject(name, cfg, baseline.switches, peer=True)


def _monai_basic_unet() -> nn.Module:
    from monai.networks.nets import BasicUNet

    return BasicUNet(spatial_dims=2, in_channels=3, out_channels=1)


def _monai_attention_unet() -> nn.Module:
    from monai.networks.nets import AttentionUnet

    # Widths of the Attention U-Net's paper.
    widths, strides = (64, 128, 256, 512, 1024), (2, 2, 2, 2)
    return AttentionUnet(2, in_channels=3, out_channels=1, channels=widths, strides=strides)


def _smp_unet() -> nn.Module:
    import segmentation_models_pytorch as smp

    return smp.Unet('resnet34', encoder_weights=None, in_channels=3, classes=1)


def _nnunet_2d() -> nn.Module:
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    # What nnU-Net plans for slices of 320 pixels.
    stages = 7
    return PlainConvUNet(
        input_channels=3,
        n_stages=stages,
        features_per_stage=(32, 64, 128, 256, 512, 512, 512),
        conv_op=nn.Conv2d,
        kernel_sizes=3,
        strides=(1,) + (2,) * (stages - 1),
        n_conv_per_stage=2,
        num_classes=1,
        n_conv_per_stage_decoder=2,
        conv_bias=True,
        norm_op=nn.InstanceNorm2d,
        norm_op_kwargs=dict(eps=1e-5, affine=True),
        nonlin=nn.LeakyReLU,
        nonlin_kwargs=dict(inplace=True),
        deep_supervision=False,
    )


PEERS = {
    'monai_basic_unet': Peer('monai', 'monai', _monai_basic_unet),
    'monai_attention_unet': Peer('monai', 'monai', _monai_attention_unet),
    'smp_unet_r34': Peer('segmentation_models_pytorch', 'segmentation-models-pytorch', _smp_unet),
    'nnunet_2d': Peer('dynamic_network_architectures', 'dynamic-network-architectures', _nnunet_2d),
}
