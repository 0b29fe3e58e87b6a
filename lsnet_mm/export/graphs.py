"""A model as modules that have a graph in ONNX, and their files, checked against the modules."""

import logging
import warnings
from inspect import signature

import torch
from mmseg.models import EncoderDecoder, SegDataPreProcessor
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.dense_heads import KPBBRHead
from ..models.segmentors import LSNet
from ..models.utils.probabilities import foreground_probabilities
from . import ExportError

CHANNELS_SWAPPED = [2, 1, 0]
#: The first with an antialiased Resize.
OPSET = 18
TOLERANCE = 1e-4  # absolute and relative; rounding alone stays two orders below
_ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_DYNAMIC = torch.export.Dim.DYNAMIC


def graphs_of(model: nn.Module) -> dict[str, 'ImageGraph']:
    """The graphs of a model, by file name.

    Args:
        model: An ``LSNet`` with an ``LNet``, or an ``EncoderDecoder``; in evaluation mode.

    Returns:
        dict: ``localizer.onnx`` and ``segmentor.onnx``, or the latter alone.

    Raises:
        ExportError: If the model is of another type, pools adaptively, or predicts in a sliding
            window.
    """
    # Into one bin fits every size. Other windows torch works on as formulas for minutes.
    for name, module in model.named_modules():
        if isinstance(module, _ADAPTIVE) and module.output_size not in (1, (1, 1)):
            raise ExportError(
                f'{name} is {module}, which has no graph for images of any size: take a net '
                'without it, or export without --onnx'
            )
    # Subclasses may predict by other rules than the runner's.
    localizer = getattr(model, 'localizer', None)
    if type(model) is LSNet and isinstance(getattr(localizer, 'head', None), KPBBRHead):
        return {'localizer.onnx': LocalizerGraph(model), 'segmentor.onnx': SegmentorGraph(model)}
    if type(model) is EncoderDecoder:
        if (mode := model.test_cfg.get('mode', 'whole')) != 'whole':
            raise ExportError(
                f"test_cfg.mode={mode!r} cannot be exported to ONNX: set test_cfg.mode='whole'"
            )
        return {'segmentor.onnx': OneStageGraph(model)}
    part = f' with a {type(localizer).__name__}' if localizer else ''
    raise ExportError(
        f'a model of type {type(model).__name__}{part} cannot be exported to ONNX: export without '
        '--onnx'
    )


class ImageGraph(nn.Module):
    """What every exported graph begins with: the model's preprocessing of raw images.

    Args:
        model: With a ``SegDataPreProcessor``.

    Raises:
        ExportError: If it has another one, or one that pads images at test time.
    """

    #: The names of what ``forward`` returns.
    outputs = ('probs',)

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.preprocessor = model.data_preprocessor
        if type(self.preprocessor) is not SegDataPreProcessor or self.preprocessor.test_cfg:
            raise ExportError(
                'only a SegDataPreProcessor without test_cfg (padding) can be exported to ONNX, '
                f'and the model has {self.preprocessor}; export without --onnx'
            )

    def normalize(self, images: Tensor) -> Tensor:
        """The network's view of images (N, C, H, W) in [0, 255]; mean and std repeat grey ones."""
        if self.preprocessor._channel_conversion and images.size(1) == 3:
            images = images[:, CHANNELS_SWAPPED]
        if self.preprocessor._enable_normalize:
            images = (images - self.preprocessor.mean) / self.preprocessor.std
        return images

    def example(self, number: int, channels: int, size: tuple[int, int]) -> dict[str, Tensor]:
        """Arguments of ``forward`` by name, for so many images of a size.

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
        super().__init__(model)
        with_mask = model.localizer.head.mask is not None
        self.outputs = ('heatmaps', 'distances', *['masks'] * with_mask)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Raw images (N, C, H, W) to what boxes are decoded from.

        Returns:
            tuple: Heatmap probabilities (N, 1, h, w), distances (N, 4, h, w) in pixels of the
            images that L-Net sees and, if its head has a mask, probabilities (N, 1, h, w) of it.
        """
        images = self.normalize(images)
        if size := self.model.localizer_size:
            # At equal size this is exact, so that no size needs a case of its own.
            images = F.interpolate(images, size, mode='bilinear', antialias=True)
        heatmaps, distances, *masks = self.model.localizer(images)
        return torch.sigmoid(heatmaps), distances, *map(torch.sigmoid, masks)


class SegmentorGraph(ImageGraph):
    """Second stage of an ``LSNet``: preprocessing, crops, S-Net, and masks in their places."""

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
        extractor = self.model.roi_extractor
        crops = extractor.crop(self.normalize(images), rois)
        probs = foreground_probabilities(_logits(self.model.segmentor, crops))
        return extractor.place(probs, rois, images.shape[-2:], size)


class OneStageGraph(ImageGraph):
    """An ``EncoderDecoder`` that predicts whole images, with its preprocessing."""

    def forward(self, images: Tensor, out_size: Tensor) -> Tensor:
        """Raw images (N, C, H, W) to probabilities (N, C, *out_size), as `SegmentorGraph`'s."""
        size = _sides(out_size)
        logits = _logits(self.model, self.normalize(images))
        align = self.model.align_corners
        logits = F.interpolate(logits, size, mode='bilinear', align_corners=align)
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
def trace(graph: ImageGraph, channels: int) -> bytes:
    """The ONNX file of a graph, for any number of images and RoIs and any size of images.

    It is run against the module, at another size, before it is given out.

    Args:
        graph: In evaluation mode.
        channels: Of the images.

    Raises:
        ExportError: If torch cannot export it, or the result is wrong.
    """
    inputs = graph.example(2, channels, (128, 160))  # torch takes a single image for a constant
    shapes = dict(images=dict.fromkeys((0, 2, 3), _DYNAMIC), rois={0: _DYNAMIC}, out_size=None)
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
    check(file, graph, graph.example(1, channels, (200, 136)))
    return file


def check(file: bytes, graph: ImageGraph, inputs: dict) -> None:
    """Compares onnxruntime's answer with PyTorch's; raises if more than rounding differs."""
    import onnxruntime  # an extra of the package

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would print is in the error
    session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])
    expected = graph(**inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    try:
        found = session.run(None, {key: value.numpy() for key, value in inputs.items()})
        found = tuple(map(torch.from_numpy, found))
        torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise ExportError(
            f'{type(graph).__name__} in ONNX differs from PyTorch for images of another size: '
            f'export without --onnx. {error}'[:500]
        ) from error
