from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS
from .unet_neck import check_features


@MODELS.register_module()
class FCNNeck(BaseModule):
    """The skip fusion of an FCN (Long et al., 2015), over any multi-scale backbone.

    Each scale is projected by a 1x1 convolution; from the coarsest on, maps are upsampled and
    added; one 3x3 convolution closes. With the stages at H/4 to H/32 that is L-Net's ``F'``; with
    those at H/8 to H/32 and ``scale_factor=8`` it is FCN-8s at full resolution.

    Args:
        in_channels: Channels of the backbone's features, finest first.
        channels: Channels of the fused map.
        scale_factor: Bilinear upsampling of the result.
        conv_cfg, norm_cfg, act_cfg: As in mmcv's ``ConvModule``, for the closing convolution.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If features of other channels come.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 64,
        scale_factor: int = 1,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = dict(type='BN'),
        act_cfg: dict | None = dict(type='ReLU'),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = tuple(in_channels)
        self.scale_factor = scale_factor
        self.scores = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in in_channels)
        conv = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.fuse = ConvModule(channels, channels, 3, padding=1, **conv)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor]:
        """Fuses features (N, C_i, H_i, W_i), finest first.

        Returns:
            tuple: One map, (N, channels, H_0 * scale_factor, W_0 * scale_factor).

        Raises:
            ValueError: If the features have other channels than ``in_channels``.
        """
        check_features(self, inputs, self.in_channels)
        *finer, x = [score(x) for score, x in zip(self.scores, inputs, strict=True)]
        for skip in reversed(finer):
            x = skip + F.interpolate(x, size=skip.shape[-2:], mode='bilinear', align_corners=False)
        x = self.fuse(x)
        if self.scale_factor != 1:
            x = F.interpolate(x, None, self.scale_factor, mode='bilinear', align_corners=False)
        return (x,)
