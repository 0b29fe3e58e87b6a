import torch
from mmseg.models import SegDataPreProcessor
from torch import Tensor, nn

from .errors import ExportError

CHANNELS_SWAPPED = [2, 1, 0]


class ImageGraph(nn.Module):
    """What every exported graph begins with: the model's preprocessing of raw images.

    Args:
        preprocessor: The one in effect, a ``SegDataPreProcessor``; a wrapper may have its own.

    Raises:
        ExportError: If it is another one, or pads images at test time.
    """

    #: The names of what ``forward`` returns.
    outputs = ('probs',)

    def __init__(self, preprocessor: nn.Module) -> None:
        super().__init__()
        if type(preprocessor) is not SegDataPreProcessor or preprocessor.test_cfg:
            raise ExportError(
                'only a SegDataPreProcessor without test_cfg (padding) can be exported to ONNX, '
                f'and the model has {type(preprocessor).__name__}'
                f'(test_cfg={getattr(preprocessor, "test_cfg", None)})'
            )
        self.preprocessor = preprocessor

    def normalize(self, images: Tensor) -> Tensor:
        """The network's view of images (N, C, H, W) in [0, 255]; mean and std repeat grey ones."""
        if self.preprocessor._channel_conversion and images.size(1) == 3:
            images = images[:, CHANNELS_SWAPPED]
        if self.preprocessor._enable_normalize:
            images = (images - self.preprocessor.mean) / self.preprocessor.std
        return images

    def example(self, number: int, channels: int, size: tuple[int, int]) -> dict[str, Tensor]:
        """Arguments of ``forward`` by name, for so many images of a size.

        Noise that grows from left to right: what looks at the wrong place shows.
        """
        noise = 255 * torch.rand(number, channels, *size)
        return dict(images=noise * torch.linspace(0, 1, size[1]))
