from mmseg.models.backbones import ResNet
from torch import Tensor

from ...registry import MODELS


@MODELS.register_module()
class StemResNet(ResNet):
    """MMSegmentation's ResNet that also returns its stem, at half the input's resolution.

    A U-Net needs that map for its last skip connection; the stock class starts at a quarter. All
    arguments, and the names of the weights, are those of the stock class.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Features of images (N, C, H, W).

        Returns:
            tuple: The stem at H/2 and the stages of ``out_indices``, at H/4 to H/32.
        """
        stem = self.stem(x) if self.deep_stem else self.relu(self.norm1(self.conv1(x)))
        outs = [stem]
        x = self.maxpool(stem)
        for index, name in enumerate(self.res_layers):
            x = getattr(self, name)(x)
            if index in self.out_indices:
                outs.append(x)
        return tuple(outs)
