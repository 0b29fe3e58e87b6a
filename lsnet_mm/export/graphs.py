"""A model as modules that have a graph in ONNX, and which of them a model is."""

import torch
from mmseg.models import CascadeEncoderDecoder, EncoderDecoder, SegDataPreProcessor
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.dense_heads import KPBBRHead
from ..models.localizers import CoarseLocalizer
from ..models.segmentors import LSNet
from ..models.utils.probabilities import foreground_probabilities
from . import ExportError

CHANNELS_SWAPPED = [2, 1, 0]


def graphs_of(model: nn.Module) -> dict[str, 'ImageGraph']:
    """The graphs of a model, by file name.

    Args:
        model: An ``LSNet`` with an ``LNet`` or a ``CoarseLocalizer``, or an ``EncoderDecoder``; in
            evaluation mode.

    Returns:
        dict: ``localizer.onnx`` and ``segmentor.onnx``, or the latter alone.

    Raises:
        ExportError: If the model is of another type.
    """
    # Subclasses may predict by other rules than the runner's; mmseg's cascade does not.
    if type(model) is LSNet and _has_known_rule(model.localizer):
        return {'localizer.onnx': LocalizerGraph(model), 'segmentor.onnx': SegmentorGraph(model)}
    if type(model) in (EncoderDecoder, CascadeEncoderDecoder):
        return {'segmentor.onnx': OneStageGraph(model)}
    part = f' with a {type(model.localizer).__name__}' if isinstance(model, LSNet) else ''
    raise ExportError(f'a model of type {type(model).__name__}{part} cannot be exported to ONNX')


class ImageGraph(nn.Module):
    """What every exported graph begins with: the model's preprocessing of raw images.

    Args:
        preprocessor: The model's, a ``SegDataPreProcessor``.

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


class LocalizerGraph(ImageGraph):
    """First stage: preprocessing, the shrinking to ``localizer_size``, and the localizer.

    Args:
        model: An ``LSNet`` with an ``LNet`` or a ``CoarseLocalizer``.

    Raises:
        ExportError: If the coarse mask has several classes.
    """

    def __init__(self, model: LSNet) -> None:
        super().__init__(model.data_preprocessor)
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


class SegmentorGraph(ImageGraph):
    """Second stage: preprocessing, crops, S-Net, and its masks back in their places.

    Args:
        model: An ``LSNet``.
    """

    def __init__(self, model: LSNet) -> None:
        super().__init__(model.data_preprocessor)
        self.extractor = model.roi_extractor
        self.segmentor = model.segmentor

    def forward(self, images: Tensor, rois: Tensor, out_size: Tensor) -> Tensor:
        """Raw images and RoIs to a mask of each RoI.

        Args:
            images: (N, C, H, W).
            rois: (K, 5) image index and box, in pixels of ``images``, without the margin.
            out_size: Height and width of the result, which spans the same field; int64.

        Returns:
            Tensor: (K, C, *out_size) probabilities, 0 outside the RoI. Of several classes channel
            0 is any foreground, so that the maximum over RoIs leaves background outside them all.
        """
        size = _sides(out_size)
        crops = self.extractor.crop(self.normalize(images), rois)
        logits = self.segmentor.encode_decode(crops, [dict(img_shape=crops.shape[-2:])])
        probs = foreground_probabilities(logits)
        return self.extractor.place(probs, rois, images.shape[-2:], size)

    def example(self, number: int, channels: int, size: tuple[int, int]) -> dict[str, Tensor]:
        """With a box for each image and one more, and a result one and a half times as large."""
        box = torch.tensor([0.2, 0.3, 0.6, 0.7]) * torch.tensor([size[1], size[0]]).repeat(2)
        rois = torch.stack([torch.cat((torch.zeros(1), box + i)) for i in range(number + 1)])
        rois[:number, 0] = torch.arange(number)
        images = super().example(number, channels, size)
        return images | dict(rois=rois, out_size=torch.tensor(size) * 3 // 2)


class OneStageGraph(ImageGraph):
    """A one-stage segmentor, with its preprocessing.

    Args:
        model: An ``EncoderDecoder`` that predicts whole images.

    Raises:
        ExportError: If it predicts in a sliding window.
    """

    def __init__(self, model: EncoderDecoder) -> None:
        super().__init__(model.data_preprocessor)
        if (mode := model.test_cfg.get('mode', 'whole')) != 'whole':
            raise ExportError(
                f"test_cfg.mode={mode!r} cannot be exported to ONNX: set test_cfg.mode='whole'"
            )
        self.model = model

    def forward(self, images: Tensor, out_size: Tensor) -> Tensor:
        """Raw images (N, C, H, W) to probabilities (N, C, *out_size), as `SegmentorGraph`'s."""
        size = _sides(out_size)
        images = self.normalize(images)
        logits = self.model.encode_decode(images, [dict(img_shape=images.shape[-2:])])
        align_corners = self.model.align_corners
        logits = F.interpolate(logits, size, mode='bilinear', align_corners=align_corners)
        return foreground_probabilities(logits)

    def example(self, number: int, channels: int, size: tuple[int, int]) -> dict[str, Tensor]:
        """With a result one and a half times as large."""
        images = super().example(number, channels, size)
        return images | dict(out_size=torch.tensor(size) * 3 // 2)


def _has_known_rule(localizer: nn.Module) -> bool:
    head = getattr(localizer, 'head', None)
    return isinstance(localizer, CoarseLocalizer) or isinstance(head, KPBBRHead)


def _sides(out_size: Tensor) -> tuple[int, int]:
    height, width = out_size.tolist()
    torch._check(height >= 1)
    torch._check(width >= 1)
    return height, width
