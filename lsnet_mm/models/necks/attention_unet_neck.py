from torch import Tensor

from ...registry import MODELS
from .attention_gate import AttentionGate
from .unet_neck import UNetNeck, UpBlock


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
