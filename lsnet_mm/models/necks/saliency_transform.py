from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS


@MODELS.register_module()
class SaliencyTransform(BaseModule):
    """The saliency transformation of RSTN (Yu et al., CVPR 2018), in 2D.

        out = X * g(P; eta)

    ``g`` is a size-preserving convolution from a probability map to a weight for each channel of
    the image. Weights may be negative or above 1: nothing bounds them.

    The last convolution starts with weights of 0 and a bias of 1, as in the authors' code: an
    untrained ``g`` lets the image through as it is, so that the fine net starts where that of
    coarse-to-fine does, whatever an untrained coarse net says. Its own gradient is not zero, and
    after one step the gradient passes it to the probabilities too.

    One 3x3 convolution has 30 parameters, two of 5x5 have 306. (In the authors' code a net takes
    three slices and gives a map of each; here there is one map.)

    Args:
        channels: Channels of the image, C.
        kernel_sizes: Odd sizes of the convolutions; the paper takes ``(3,)`` and also tried
            ``(5, 5)``. ReLU between them.
    """

    def __init__(self, channels: int = 3, kernel_sizes: Sequence[int] = (3,)) -> None:
        super().__init__()
        if not kernel_sizes or any(size % 2 == 0 for size in kernel_sizes):
            raise ValueError(
                f'SaliencyTransform got kernel_sizes={tuple(kernel_sizes)}: give one or more odd '
                'sizes, which keep the size of the map.'
            )
        layers, width = [], 1
        for size in kernel_sizes:
            layers += [nn.Conv2d(width, channels, size, padding=size // 2), nn.ReLU()]
            width = channels
        self.layers = nn.Sequential(*layers[:-1])
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.ones_(self.layers[-1].bias)

    def forward(self, images: Tensor, probs: Tensor) -> Tensor:
        """Weighted images (N, C, H, W).

        Args:
            images: (N, C, H, W).
            probs: (N, 1, h, w), brought to the size of the images by linear interpolation.
        """
        if probs.shape[-2:] != images.shape[-2:]:
            probs = F.interpolate(probs, images.shape[-2:], mode='bilinear', align_corners=False)
        return images * self.layers(probs.to(images))
