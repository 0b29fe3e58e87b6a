"""A model as modules that have a graph in ONNX, and their files, checked against the modules."""

import logging
import warnings
from inspect import signature

import torch
from mmseg.models import CascadeEncoderDecoder, EncoderDecoder, SegDataPreProcessor
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.dense_heads import KPBBRHead
from ..models.localizers import CoarseLocalizer
from ..models.segmentors import LSNet
from ..models.utils.probabilities import foreground_probabilities
from ..utils.versions import too_old_for
from . import ExportError

CHANNELS_SWAPPED = [2, 1, 0]
#: The first with an antialiased Resize.
OPSET = 18
TOLERANCE = 1e-4  # absolute and relative; rounding alone stays two orders below
_ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


def graphs_of(model: nn.Module) -> dict[str, 'ImageGraph']:
    """The graphs of a model, by file name.

    Args:
        model: An ``LSNet`` with an ``LNet`` or a ``CoarseLocalizer``, or an ``EncoderDecoder``; in
            evaluation mode.

    Returns:
        dict: ``localizer.onnx`` and ``segmentor.onnx``, or the latter alone.

    Raises:
        ExportError: If the model is of another type, has a coarse mask of several classes, or
            predicts in a sliding window.
    """
    # Subclasses may predict by other rules than the runner's; mmseg's cascade does not.
    localizer = getattr(model, 'localizer', None)
    coarse = isinstance(localizer, CoarseLocalizer)
    if coarse and localizer.segmentor.out_channels > 2:
        raise ExportError('a CoarseLocalizer of several classes cannot be exported to ONNX')
    known = coarse or isinstance(getattr(localizer, 'head', None), KPBBRHead)
    if type(model) is LSNet and known:
        return {'localizer.onnx': LocalizerGraph(model), 'segmentor.onnx': SegmentorGraph(model)}
    if type(model) in (EncoderDecoder, CascadeEncoderDecoder):
        if (mode := model.test_cfg.get('mode', 'whole')) != 'whole':
            raise ExportError(
                f"test_cfg.mode={mode!r} cannot be exported to ONNX: set test_cfg.mode='whole'"
            )
        return {'segmentor.onnx': OneStageGraph(model)}
    part = f' with a {type(localizer).__name__}' if localizer else ''
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
        """Arguments of ``forward`` by name, for a number of images of a size.

        A box for each image and one more, and a result one and a half times as large.
        """
        # Noise that grows from left to right: what looks at the wrong place shows.
        images = 255 * torch.rand(number, channels, *size) * torch.linspace(0, 1, size[1])
        box = torch.tensor([0.2, 0.3, 0.6, 0.7]) * torch.tensor([size[1], size[0]]).repeat(2)
        rois = torch.stack([torch.cat((torch.zeros(1), box + i)) for i in range(number + 1)])
        rois[:number, 0] = torch.arange(number)
        inputs = dict(images=images, rois=rois, out_size=torch.tensor(size) * 3 // 2)
        return {name: inputs[name] for name in signature(self.forward).parameters}


class LocalizerGraph(ImageGraph):
    """First stage of an ``LSNet``: preprocessing, shrinking to ``localizer_size``, localizer."""

    def __init__(self, model: LSNet) -> None:
        super().__init__(model.data_preprocessor)
        self.size = model.localizer_size
        self.localizer = model.localizer
        self.coarse = isinstance(model.localizer, CoarseLocalizer)
        count = 1 if self.coarse else 2 + (model.localizer.head.mask is not None)
        self.outputs = ('heatmaps', 'distances', 'masks')[:count]

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
            return (foreground_probabilities(_logits(self.localizer.segmentor, images))[:, :1],)
        heatmaps, distances, *masks = self.localizer(images)
        return torch.sigmoid(heatmaps), distances, *map(torch.sigmoid, masks)


class SegmentorGraph(ImageGraph):
    """Second stage of an ``LSNet``: preprocessing, crops, S-Net, and masks in their places."""

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
        probs = foreground_probabilities(_logits(self.segmentor, crops))
        return self.extractor.place(probs, rois, images.shape[-2:], size)


class OneStageGraph(ImageGraph):
    """An ``EncoderDecoder`` that predicts whole images, with its preprocessing."""

    def __init__(self, model: EncoderDecoder) -> None:
        super().__init__(model.data_preprocessor)
        self.model = model

    def forward(self, images: Tensor, out_size: Tensor) -> Tensor:
        """Raw images (N, C, H, W) to probabilities (N, C, *out_size), as `SegmentorGraph`'s."""
        size = _sides(out_size)
        logits = _logits(self.model, self.normalize(images))
        align_corners = self.model.align_corners
        logits = F.interpolate(logits, size, mode='bilinear', align_corners=align_corners)
        return foreground_probabilities(logits)


def _logits(segmentor: nn.Module, images: Tensor) -> Tensor:
    # One meta, whatever the number of images: that is free.
    return segmentor.encode_decode(images, [dict(img_shape=images.shape[-2:])])


def _sides(out_size: Tensor) -> tuple[int, int]:
    height, width = out_size.tolist()
    torch._check(height >= 1)
    torch._check(width >= 1)
    return height, width


@torch.no_grad()
def trace(graph: ImageGraph, channels: int, size: tuple[int, int] | None = None) -> bytes:
    """The ONNX file of a graph, for any number of images and RoIs.

    It is run against the module before it is given out. A net that pools adaptively is made for
    ``size``: torch makes the windows of such a pooling into constants.

    Args:
        graph: In evaluation mode.
        channels: Of the images.
        size: Height and width that all images will have, if that is known.

    Raises:
        ExportError: If torch cannot export it, or the result is wrong.
    """
    # Into one bin is no such pooling. Else torch would work on the windows as formulas for minutes.
    pools = [m for m in graph.modules() if isinstance(m, _ADAPTIVE)]
    fixed = any(pool.output_size not in (1, (1, 1)) for pool in pools)
    if fixed and size is None:
        raise ExportError(
            f'{type(graph).__name__} pools adaptively, so it fits one size of images only: resize '
            'the images in the test pipeline'
        )
    if missing := too_old_for('ONNX export'):
        raise ExportError(missing)
    dynamic = torch.export.Dim.DYNAMIC
    # torch takes a single image for a constant.
    inputs = graph.example(2, channels, size if fixed else (128, 160))
    images = dict.fromkeys((0,) if fixed else (0, 2, 3), dynamic)
    shapes = dict(images=images, rois={0: dynamic}, out_size=None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            logging.getLogger('torch.onnx').setLevel(logging.ERROR)
            program = torch.onnx.export(
                graph.eval(),
                kwargs=inputs,
                dynamic_shapes={name: shapes[name] for name in inputs},
                input_names=list(inputs),
                output_names=graph.outputs,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        cause = error.__cause__ or error  # the error itself is pages of advice
        reason = f'{type(cause).__name__}: {cause}'[:300]
        raise ExportError(f'torch cannot export {type(graph).__name__}: {reason}') from error
    proto = program.model_proto
    # torch notes where in whose folders each operation was called.
    for part in (proto.graph, *proto.functions):
        for node in part.node:
            del node.metadata_props[:]
    file = proto.SerializeToString()
    check(file, graph, graph.example(1, channels, size if fixed else (200, 136)))
    return file


def check(file: bytes, graph: ImageGraph, inputs: dict) -> None:
    """Compares onnxruntime's answer with PyTorch's; raises if more than rounding differs."""
    import onnxruntime  # an extra of the package

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would print is in the error
    session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])
    name, expected = type(graph).__name__, graph(**inputs)
    try:
        found = session.run(None, {key: value.numpy() for key, value in inputs.items()})
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise ExportError(f'{name} fits one size of images only: {error}'[:300]) from error
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = tuple(map(torch.from_numpy, found))
    try:
        torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    except AssertionError as error:
        raise ExportError(
            f'{name} in ONNX differs from PyTorch for images of another size: if its net pools '
            f'adaptively, use torch.nn.AdaptiveAvgPool2d for it. {error}'
        ) from error
