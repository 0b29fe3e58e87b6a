from mmengine.model import bias_init_with_prob
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ...registry import MODELS


@MODELS.register_module()
class ConvHead(BaseDecodeHead):
    """One 3x3 convolution over a full-resolution map: the last layer of a U-Net.

    mmseg's heads end in a 1x1 convolution; the paper's 14.33 M parameters need the 3x3.

    Args:
        in_channels: Channels of the map.
        kernel_size: Of the convolution.
        prior_prob: Foreground probability that an untrained head gives, where it has a single
            channel. From 0.5 a small object stays below the threshold for hundreds of iterations.
        kwargs: As in mmseg's ``BaseDecodeHead``. The threshold of a single channel is 0.5, not
            mmseg's 0.3.
    """

    def __init__(
        self, in_channels: int, *, kernel_size: int = 3, prior_prob: float = 0.01, **kwargs
    ) -> None:
        defaults = dict(
            channels=in_channels, dropout_ratio=0, in_index=0, threshold=0.5, init_cfg=None
        )
        super().__init__(in_channels, **(defaults | kwargs))
        self.prior_prob = prior_prob
        self.conv_seg = nn.Conv2d(
            self.channels, self.out_channels, kernel_size, padding=kernel_size // 2
        )

    def init_weights(self) -> None:
        """Starts from an almost empty mask."""
        super().init_weights()
        if self.out_channels == 1:
            nn.init.constant_(self.conv_seg.bias, bias_init_with_prob(self.prior_prob))

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Logits (N, out_channels, H, W) of the map at ``in_index``."""
        return self.cls_seg(self._transform_inputs(inputs))

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """As mmseg's, without the pixel accuracy of a single channel, which is always that of
        background there."""
        losses = super().loss_by_feat(seg_logits, batch_data_samples)
        if self.out_channels == 1:
            losses.pop('acc_seg')
        return losses
