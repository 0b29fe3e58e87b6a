"""What tools/export.py does."""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope
from mmengine.runner import CheckpointLoader
from torch import nn

from ..apis.load_model import load_weights
from ..models.segmentors import LSNet
from ..utils.files import replace_folder
from ..version import __version__
from . import ExportError
from .graphs import OPSET, graphs_of, trace
from .inference_checkpoint import inference_checkpoint, inference_config

LAYOUT = ('model.pth', 'model.json', 'localizer.onnx', 'segmentor.onnx')
NEEDED = ('onnx', 'onnxscript', 'onnxruntime')
#: Grows when a runner of an older version would misread the graphs.
SCHEMA = 3
# How many channels MMCV's loading gives, by its color_type.
_CHANNELS = {'color': 3, 'grayscale': 1}
_NOT_OF_THE_IMAGE = {'LoadCTMask', 'LoadAnnotations', 'BoxesFromMask'}
_NOT_OF_THE_IMAGE |= {'PackLSNetInputs', 'PackSegInputs'}


def export(
    config: Config, checkpoint: str, out: Path, onnx: bool = False, overwrite: bool = False
) -> list[Path]:
    """Write a model's inference checkpoint, and its ONNX graphs, into a folder.

    ``model.json`` names the files with their sizes and hashes.

    Args:
        config: The model's, with the test pipeline.
        checkpoint: Path or URL.
        out: The folder; it is there whole or not at all.
        onnx: Also write the graphs.
        overwrite: Replace an export that is there.

    Returns:
        list: The files.

    Raises:
        FileExistsError: If something else is in the way.
        ExportError: If it cannot be exported; nothing is written then.
        WrongCheckpointError: If the checkpoint does not fit the config; nothing is written either.
    """
    missing = [name for name in NEEDED if onnx and find_spec(name) is None]
    if missing:
        raise ExportError(
            f'ONNX export needs {" and ".join(missing)}, which cannot be found: '
            "pip install 'lsnet_mm[onnx]'"
        )
    with replace_folder(out, 'model export', LAYOUT, overwrite) as folder:
        loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
        init_default_scope(config.get('default_scope', 'mmseg'))
        model = revert_sync_batchnorm(MODELS.build(config.model)).eval()
        load_weights(model, loaded, checkpoint)
        meta, about = loaded.get('meta', {}), {}
        files = {'model.pth': inference_checkpoint(model, inference_config(config), meta)}
        if onnx:
            about = _rules(model, preprocessing(config))
            channels = about['preprocessing']['channels']
            files |= {name: trace(graph, channels) for name, graph in graphs_of(model).items()}
        about['classes'] = (meta.get('dataset_meta') or {}).get('classes')
        about['files'] = {
            name: dict(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for name, data in files.items()
        }
        files['model.json'] = (json.dumps(about, indent=2) + '\n').encode()
        for name, data in files.items():
            (folder / name).write_bytes(data)
    return [Path(out, name) for name in files]


def _rules(model: nn.Module, preprocessing: dict) -> dict:
    """What a runner has to know beside the graphs, as plain values."""
    about = dict(
        schema=SCHEMA,
        lsnet_mm_version=__version__,
        opset=OPSET,
        preprocessing=preprocessing,
        out_channels=model.out_channels,
        threshold=model.decode_head.threshold if model.out_channels == 1 else None,
        localizer=None,
    )
    if isinstance(model, LSNet):
        head, crop = model.localizer.head, model.roi_extractor
        about['localizer'] = dict(size=model.localizer_size, stride=head.stride, **head.test_cfg)
        about['crop'] = dict(type=type(crop).__name__, size=crop.size, margin=crop.margin)
        about.update({key: model.test_cfg[key] for key in ('rounds', 'agreement')})
    return about


def preprocessing(config: Config) -> dict:
    """What a runner has to do with a slice.

    Args:
        config: With ``test_dataloader`` or ``test_pipeline``.

    Returns:
        dict: ``channels``; ``neighbours`` on each side that are channels; ``hu_window`` (low,
        high), None for 8-bit images; ``resize``, None or (width, height).

    Raises:
        ExportError: If there is no pipeline, or it does anything else to the image.
    """
    dataset = config.get('test_dataloader', {}).get('dataset', {})
    pipeline = dataset.get('pipeline') or config.get('test_pipeline')
    if not pipeline:
        raise ExportError('the config has no test_pipeline, which says how slices are prepared')
    result = dict(channels=3, neighbours=0, hu_window=None, resize=None)
    for step in pipeline:
        name = step['type'].split('.')[-1]
        if name == 'LoadCTSlice':
            neighbours = TRANSFORMS.build(dict(step)).neighbours
            result.update(channels=2 * neighbours + 1, neighbours=neighbours)
        elif name == 'LoadImageFromFile' and step.get('color_type', 'color') in _CHANNELS:
            result['channels'] = _CHANNELS[step.get('color_type', 'color')]
        elif name == 'HUWindow' and result['resize'] is None:
            result['hu_window'] = TRANSFORMS.build(dict(step)).window
        elif name == 'ResizeSlice' and step.keys() == {'type', 'scale'}:
            result['resize'] = tuple(step['scale'])
        elif name not in _NOT_OF_THE_IMAGE:
            raise ExportError(
                f'the ONNX runner knows no {dict(step)} in the test pipeline (only LoadCTSlice, '
                'LoadImageFromFile, HUWindow, and then ResizeSlice(scale)): leave it out, or '
                'export without --onnx'
            )
    return result
