import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.localizers import CoarseLocalizer
from ..models.segmentors import LSNet
from .errors import ExportError
from .image_graph import ImageGraph


class LocalizerGraph(ImageGraph):
    """First stage: preprocessing, the shrinking to ``localizer_size``, and the localizer.

    Args:
        model: An ``LSNet`` with an ``LNet`` or a ``CoarseLocalizer``.
        preprocessor: The one in effect; a wrapper may have its own.

    Raises:
        ExportError: If the coarse mask has several classes.
    """

    def __init__(self, model: LSNet, preprocessor: nn.Module) -> None:
        super().__init__(preprocessor)
        self.size = model.localizer_size
        self.localizer = model.localizer
        self.coarse = isinstance(model.localizer, CoarseLocalizer)
        if self.coarse:
            self.outputs = ('heatmaps',)
        else:
            mask = ('masks',) if self.localizer.head.mask is not None else ()
            self.outputs = ('heatmaps', 'distances', *mask)
        if self.coarse and model.localizer.segmentor.out_channels > 2:
            raise ExportError('a CoarseLocalizer of several classes cannot be exported to ONNX')

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Raw images (N, C, H, W) to what boxes are decoded from.

        Returns:
            tuple: Heatmap probabilities (N, 1, h, w); of an L-Net also distances (N, 4, h, w) in
            pixels of the images that it sees and, if its head has a mask, probabilities
            (N, 1, h, w) of it.
        """
        images = self.normalize(images)
        if self.size:
            # At equal size this is exact, so that no size needs a case of its own.
            images = F.interpolate(
                images, self.size, mode='bilinear', align_corners=False, antialias=True
            )
        if self.coarse:
            return (self.coarse_foreground(images),)
        heatmaps, distances, *masks = self.localizer(images)
        return torch.sigmoid(heatmaps), distances, *map(torch.sigmoid, masks)

    def coarse_foreground(self, images: Tensor) -> Tensor:
        """(N, 1, h, w) probabilities of foreground."""
        metas = [dict(img_shape=images.shape[-2:])]
        logits = self.localizer.segmentor.encode_decode(images, metas)
        return logits.sigmoid() if logits.size(1) == 1 else logits.softmax(dim=1)[:, 1:]
