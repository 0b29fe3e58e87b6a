import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS
from .unet_neck import UNetNeck, UpBlock


class AttentionGate(BaseModule):
    """The additive gate of Attention U-Net (Oktay et al., 2018, Eq. 1 and 2, Fig. 2), in 2D.

        q = psi(relu(W_x x + W_g g + b_g)) + b_psi,    alpha = sigmoid(q),    out = W(alpha * x)

    ``x`` is brought to the grid of ``g`` by the stride of ``W_x``; ``alpha`` comes back to the grid
    of ``x`` by linear interpolation. ``W`` is the closing 1x1 convolution with normalisation of the
    authors' code.

    Args:
        skip_channels: Channels of ``x``, the skip connection.
        gate_channels: Channels of ``g``, the coarser features that say where to look.
        channels: Channels of the sum; half of ``skip_channels`` if None.
        norm_cfg: Normalisation that closes; None for none.
    """

    def __init__(
        self,
        skip_channels: int,
        gate_channels: int,
        channels: int | None = None,
        norm_cfg: dict | None = dict(type='BN'),
    ) -> None:
        super().__init__()
        channels = channels or max(skip_channels // 2, 1)
        self.skip = nn.Conv2d(skip_channels, channels, 2, stride=2, bias=False)
        self.gate = nn.Conv2d(gate_channels, channels, 1)
        self.psi = nn.Conv2d(channels, 1, 1)
        close = [nn.Conv2d(skip_channels, skip_channels, 1)]
        if norm_cfg:
            close.append(build_norm_layer(norm_cfg, skip_channels)[1])
        self.close = nn.Sequential(*close)

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """Gated skip connection, of the shape of ``x``.

        Args:
            x: (N, skip_channels, H, W).
            g: (N, gate_channels, h, w), usually at half the resolution.
        """
        return self.close(self.attention(x, g) * x)

    def attention(self, x: Tensor, g: Tensor) -> Tensor:
        """``alpha`` (N, 1, H, W), in [0, 1]."""
        skip = self.skip(x)
        gate = F.interpolate(
            self.gate(g), size=skip.shape[-2:], mode='bilinear', align_corners=False
        )
        alpha = torch.sigmoid(self.psi(F.relu(skip + gate)))
        return F.interpolate(alpha, size=x.shape[-2:], mode='bilinear', align_corners=False)


class AttentionUpBlock(UpBlock):
    """A step of a U-Net decoder whose skip passes a gate, asked by the coarser map."""

    def __init__(self, in_channels: int, skip_channels: int, channels: int, **conv) -> None:
        super().__init__(in_channels, skip_channels, channels, **conv)
        self.gate = AttentionGate(skip_channels, in_channels, norm_cfg=conv['norm_cfg'])

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return super().forward(x, self.gate(skip, x))


@MODELS.register_module()
class AttentionUNetNeck(UNetNeck):
    """The decoder of Attention U-Net (Oktay et al., 2018): each skip but the finest is gated.

    The finest features know too little to be asked, say the authors (2.2). Arguments are those of
    :class:`UNetNeck`.
    """

    def build_block(self, step: int, *sizes: int, **conv) -> UpBlock:
        finest = len(self.in_channels) - 2
        return (AttentionUpBlock if step < finest else UpBlock)(*sizes, **conv)
