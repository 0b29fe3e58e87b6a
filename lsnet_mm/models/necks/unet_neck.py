from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from ...registry import MODELS


class UpBlock(BaseModule):
    """One step of a U-Net decoder: double the size, join the skip, two 3x3 convolutions."""

    def __init__(self, in_channels: int, skip_channels: int, channels: int, **conv) -> None:
        super().__init__()
        self.conv1 = ConvModule(in_channels + skip_channels, channels, 3, padding=1, **conv)
        self.conv2 = ConvModule(channels, channels, 3, padding=1, **conv)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        if skip is None:
            x = F.interpolate(x, scale_factor=2, mode='nearest')
        else:
            x = F.interpolate(x, size=skip.shape[-2:], mode='nearest')
            x = torch.cat((x, skip), dim=1)
        return self.conv2(self.conv1(x))


@MODELS.register_module()
class UNetNeck(BaseModule):
    """The decoder of a U-Net, over the features of any multi-scale backbone.

    Three steps from H/32 give L-Net's ``F'`` at H/4 (paper, 2.1); five, the last without a skip,
    give a full-resolution map for S-Net or a one-stage U-Net.

    Args:
        in_channels: Channels of the backbone's features, finest first.
        channels: Channels after each step, coarsest first. The steps use the skips from the
            coarsest on, and go on without when those are used up.
        conv_cfg, norm_cfg, act_cfg: As in mmcv's ``ConvModule``.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there are more skips than steps, or if features of other channels come.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int] = (256, 128, 64),
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = dict(type='BN'),
        act_cfg: dict | None = dict(type='ReLU'),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        *skips, deepest = in_channels
        if len(skips) > len(channels):
            raise ValueError(
                f'UNetNeck: {len(in_channels)} scales (in_channels={list(in_channels)}) need at '
                f'least {len(skips)} steps, but channels={list(channels)} gives {len(channels)}. '
                "Add steps, or leave the finest scales out in the backbone's 'out_indices'."
            )
        self.in_channels = tuple(in_channels)
        conv = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        inputs = (deepest, *channels[:-1])
        skips = skips[::-1] + [0] * (len(channels) - len(skips))
        sizes = zip(inputs, skips, channels, strict=True)
        self.blocks = torch.nn.ModuleList(
            self.build_block(step, *size, **conv) for step, size in enumerate(sizes)
        )

    def build_block(self, step: int, *sizes: int, **conv) -> UpBlock:
        """The block of a step, coarsest first; sizes and arguments are those of the block."""
        return UpBlock(*sizes, **conv)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor]:
        """Decodes features (N, C_i, H_i, W_i), finest first.

        Returns:
            tuple: One map, (N, channels[-1], H', W').

        Raises:
            ValueError: If the features have other channels than ``in_channels``.
        """
        check_features(self, inputs, self.in_channels)
        *skips, x = inputs
        for block in self.blocks:
            x = block(x, skips.pop() if skips else None)
        return (x,)


def check_features(owner: object, inputs: Sequence[Tensor], in_channels: Sequence[int]) -> None:
    """Refuses features that do not fit a neck, before a convolution fails on them.

    Raises:
        ValueError: With the channels that came and those that the config announces.
    """
    name, got = type(owner).__name__, [x.size(1) for x in inputs]
    if len(got) == 1 and len(in_channels) > 1:
        raise ValueError(
            f'{name} needs {len(in_channels)} scales (in_channels={list(in_channels)}), but the '
            f'backbone gives a single one with {got[0]} channels. Choose a multi-scale backbone, '
            "or set its 'out_indices'."
        )
    if got != list(in_channels):
        raise ValueError(
            f'{name}: the backbone gives features of {got} channels, finest first, but '
            f"in_channels={list(in_channels)}. Set the neck's 'in_channels', or the backbone's "
            "'out_indices', so that the two agree."
        )
