from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..models.decode_heads import ConvHead
from .peers import PEERS


@MODELS.register_module()
class PeerNet(BaseModule):
    """Another library's net in the place of a backbone, from images to one map of logits.

    Args:
        peer: Key of :data:`PEERS`.
    """

    def __init__(self, peer: str, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.net = PEERS[peer].build()

    def init_weights(self) -> None:
        """As the library starts it."""

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        """Logits (N, 1, H, W), as the only level."""
        return (self.net(inputs),)


@MODELS.register_module()
class LogitsHead(ConvHead):
    """Hands logits on: a net with its own last layer gets MMSegmentation's losses and results."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.conv_seg = nn.Identity()

    def init_weights(self) -> None:
        """There is nothing to start."""
