"""From a graph's module to its ONNX file, checked against the module."""

import logging
import warnings
from importlib.util import find_spec

import numpy as np
import torch

from . import ExportError
from .graphs import ImageGraph

#: The first with an antialiased Resize.
OPSET = 18
TOLERANCE = 2e-4  # relative above 1; rounding alone stays two orders below
_ADAPTIVE = (torch.nn.AdaptiveAvgPool2d, torch.nn.AdaptiveMaxPool2d)
_DYNAMIC = torch.export.Dim.DYNAMIC


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
    if not _pools_adaptively(graph):
        file = _export(graph, channels, (128, 160), fixed=False)
        check(file, graph, graph.example(1, channels, (200, 136)))
        return file
    if size is None:
        raise ExportError(
            f'{type(graph).__name__} pools adaptively, so it fits one size of images only: resize '
            'the images in the test pipeline'
        )
    file = _export(graph, channels, size, fixed=True)
    check(file, graph, graph.example(1, channels, size))
    return file


def _pools_adaptively(graph: ImageGraph) -> bool:
    """Into more than one bin. Torch would work on the windows as formulas for many minutes."""
    pools = (m for m in graph.modules() if isinstance(m, _ADAPTIVE))
    return any(pool.output_size not in (1, (1, 1)) for pool in pools)


def check(file: bytes, graph: ImageGraph, inputs: dict) -> None:
    """Compares onnxruntime's answer with PyTorch's.

    Raises:
        ExportError: If they differ by more than rounding.
    """
    import onnxruntime  # an extra of the package

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would print is in the error
    session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])
    name = type(graph).__name__
    try:
        found = session.run(None, {key: value.numpy() for key, value in inputs.items()})
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise ExportError(f'{name} fits one size of images only: {error}'[:300]) from error
    expected = graph(**inputs)
    for a, b in zip(found, expected if isinstance(expected, tuple) else [expected], strict=True):
        error = np.abs(a - b.numpy()) / np.maximum(np.abs(b.numpy()), 1)
        if not error.max() <= TOLERANCE:
            raise ExportError(
                f'{name} in ONNX differs from PyTorch by {error.max():.2g} for images of another '
                'size: if its net pools adaptively, use torch.nn.AdaptiveAvgPool2d for it'
            )


def _export(graph: ImageGraph, channels: int, size: tuple[int, int], fixed: bool) -> bytes:
    images = {0: _DYNAMIC} if fixed else {0: _DYNAMIC, 2: _DYNAMIC, 3: _DYNAMIC}
    shapes = dict(images=images, rois={0: _DYNAMIC}, out_size=None)
    inputs = graph.example(2, channels, size)  # torch takes a single image for a constant
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
    return proto.SerializeToString()
