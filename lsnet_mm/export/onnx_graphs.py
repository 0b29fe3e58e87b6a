"""Graphs of a model in ONNX."""

import logging
import warnings
from importlib.util import find_spec

import torch
from mmseg.models import CascadeEncoderDecoder, EncoderDecoder
from torch import nn

from ..models.dense_heads import KPBBRHead
from ..models.localizers import CoarseLocalizer
from ..models.segmentors import LSNet, MultiRound
from .errors import ExportError
from .image_graph import ImageGraph
from .localizer_graph import LocalizerGraph
from .one_stage_graph import OneStageGraph
from .segmentor_graph import SegmentorGraph

#: The first with an antialiased Resize.
OPSET = 18
_DYNAMIC = torch.export.Dim.DYNAMIC
_IMAGES = {0: _DYNAMIC, 2: _DYNAMIC, 3: _DYNAMIC}


def require_onnx() -> None:
    """Refuses to begin what a missing package would stop.

    Raises:
        ExportError: If a package is missing.
    """
    missing = [name for name in ('onnx', 'onnxscript') if find_spec(name) is None]
    if missing:
        raise ExportError(
            f'ONNX export needs {" and ".join(missing)}, which cannot be found: '
            "pip install 'lsnet_mm[onnx]'"
        )


@torch.no_grad()
def onnx_graphs(model: nn.Module, channels: int, size: tuple[int, int]) -> dict[str, bytes]:
    """The graphs of a model, by file name.

    Number and size of the images, number of the RoIs and size of the result are dynamic.

    Args:
        model: An ``LSNet`` with an ``LNet`` or a ``CoarseLocalizer``, one in ``MultiRound``, or an
            ``EncoderDecoder``; in evaluation mode.
        channels: Of the images.
        size: Height and width of the images that the export runs on.

    Returns:
        dict: ``localizer.onnx`` and ``segmentor.onnx``, or the latter alone.

    Raises:
        ExportError: If the model is of another type, or torch cannot export it.
    """
    height, width = size
    # Two of each: torch takes a dimension of 1 for a constant.
    images = 127 * torch.rand(2, channels, height, width)
    box = [0.2 * width, 0.2 * height, 0.6 * width, 0.7 * height]
    rois = torch.tensor([[0.0, *box], [1.0, *box]])
    out_size = torch.tensor([height, width])
    inner = model.model if isinstance(model, MultiRound) else model
    # Subclasses may predict by other rules than the runner's; mmseg's cascade does not.
    if type(inner) is LSNet and _has_known_rule(inner.localizer):
        first = LocalizerGraph(inner, model.data_preprocessor)
        boxes = ['heatmaps'] if first.coarse else ['heatmaps', 'distances']
        second = SegmentorGraph(inner, model.data_preprocessor)
        return {
            'localizer.onnx': _export(first, dict(images=images), boxes),
            'segmentor.onnx': _export(
                second, dict(images=images, rois=rois, out_size=out_size), ['probs']
            ),
        }
    if type(inner) in (EncoderDecoder, CascadeEncoderDecoder):
        graph = OneStageGraph(inner, model.data_preprocessor)
        return {'segmentor.onnx': _export(graph, dict(images=images, out_size=out_size), ['probs'])}
    raise ExportError(f'a model of type {type(inner).__name__} cannot be exported to ONNX')


def _has_known_rule(localizer: nn.Module) -> bool:
    head = getattr(localizer, 'head', None)
    return isinstance(localizer, CoarseLocalizer) or isinstance(head, KPBBRHead)


def _export(graph: ImageGraph, inputs: dict, outputs: list[str]) -> bytes:
    shapes = dict(images=_IMAGES, rois={0: _DYNAMIC}, out_size=None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            logging.getLogger('torch.onnx').setLevel(logging.ERROR)
            program = torch.onnx.export(
                graph.eval(),
                kwargs=inputs,
                dynamic_shapes={name: shapes[name] for name in inputs},
                input_names=list(inputs),
                output_names=outputs,
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
    return proto.SerializeToString()
