"""Which graphs a model has."""

from importlib.util import find_spec

from mmseg.models import CascadeEncoderDecoder, EncoderDecoder
from torch import nn

from ..models.dense_heads import KPBBRHead
from ..models.localizers import CoarseLocalizer
from ..models.segmentors import LSNet
from .errors import ExportError
from .image_graph import ImageGraph
from .localizer_graph import LocalizerGraph
from .one_stage_graph import OneStageGraph
from .segmentor_graph import SegmentorGraph


def require_onnx() -> None:
    """Refuses to begin what a missing package would stop.

    Raises:
        ExportError: If a package is missing.
    """
    packages = ('onnx', 'onnxscript', 'onnxruntime')
    if missing := [name for name in packages if find_spec(name) is None]:
        raise ExportError(
            f'ONNX export needs {" and ".join(missing)}, which cannot be found: '
            "pip install 'lsnet_mm[onnx]'"
        )


def graphs_of(model: nn.Module) -> dict[str, ImageGraph]:
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
        return {
            'localizer.onnx': LocalizerGraph(model, model.data_preprocessor),
            'segmentor.onnx': SegmentorGraph(model, model.data_preprocessor),
        }
    if type(model) in (EncoderDecoder, CascadeEncoderDecoder):
        return {'segmentor.onnx': OneStageGraph(model, model.data_preprocessor)}
    part = f' with a {type(model.localizer).__name__}' if isinstance(model, LSNet) else ''
    raise ExportError(f'a model of type {type(model).__name__}{part} cannot be exported to ONNX')


def _has_known_rule(localizer: nn.Module) -> bool:
    head = getattr(localizer, 'head', None)
    return isinstance(localizer, CoarseLocalizer) or isinstance(head, KPBBRHead)
