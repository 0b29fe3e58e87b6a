import torch
from mmseg.models import EncoderDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.probabilities import foreground_probabilities
from .errors import ExportError
from .image_graph import ImageGraph


class OneStageGraph(ImageGraph):
    """A one-stage segmentor, with its preprocessing.

    Args:
        model: An ``EncoderDecoder`` that predicts whole images.
        preprocessor: The one in effect; a wrapper may have its own.

    Raises:
        ExportError: If it predicts in a sliding window.
    """

    def __init__(self, model: EncoderDecoder, preprocessor: nn.Module) -> None:
        super().__init__(preprocessor)
        if (mode := model.test_cfg.get('mode', 'whole')) != 'whole':
            raise ExportError(
                f"test_cfg.mode={mode!r} cannot be exported to ONNX: set test_cfg.mode='whole'"
            )
        self.model = model

    def forward(self, images: Tensor, out_size: Tensor) -> Tensor:
        """Raw images (N, C, H, W) to probabilities (N, C, *out_size), as `SegmentorGraph`'s."""
        height, width = out_size.tolist()
        torch._check(height >= 1)
        torch._check(width >= 1)
        images = self.normalize(images)
        logits = self.model.encode_decode(images, [dict(img_shape=images.shape[-2:])])
        logits = F.interpolate(
            logits, (height, width), mode='bilinear', align_corners=self.model.align_corners
        )
        return foreground_probabilities(logits)

    def example(self, number: int, channels: int, size: tuple[int, int]) -> dict[str, Tensor]:
        """With a result one and a half times as large."""
        images = super().example(number, channels, size)
        return images | dict(out_size=torch.tensor(size) * 3 // 2)
