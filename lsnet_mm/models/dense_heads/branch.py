from mmcv.cnn import ConvModule
from torch import nn


def conv_branch(
    in_channels: int,
    feat_channels: int,
    out_channels: int,
    depth: int,
    kernel_size: int,
    norm_cfg: dict | None,
) -> nn.Sequential:
    """A branch of a head: ``depth`` 3x3 convolutions and a last one without normalisation.

    Args:
        in_channels, feat_channels, out_channels: Of the features, in between, of the result.
        depth: 3x3 convolutions.
        kernel_size: Of the last one.
        norm_cfg: Normalisation of the others.
    """
    widths = [in_channels] + [feat_channels] * depth
    convs = [
        ConvModule(a, b, 3, padding=1, norm_cfg=norm_cfg)
        for a, b in zip(widths[:-1], widths[1:], strict=True)
    ]
    last = nn.Conv2d(widths[-1], out_channels, kernel_size, padding=kernel_size // 2)
    return nn.Sequential(*convs, last)
