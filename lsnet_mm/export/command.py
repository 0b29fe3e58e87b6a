"""What tools/export.py does."""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import CheckpointLoader

from ..apis.model import load_weights
from ..evaluation.calibration import read_calibration
from ..utils.files import write_atomic
from ..utils.versions import too_old_for
from . import ExportError
from .graphs import OPSET, graphs_of, trace
from .inference_checkpoint import inference_checkpoint, inference_config
from .metadata import describe, preprocessing

CHECKPOINT = 'model.pth'
ABOUT = 'model.json'
NEEDED = ('onnx', 'onnxscript', 'onnxruntime')
GRAPHS = ('localizer.onnx', 'segmentor.onnx')


def export(
    config: Config,
    checkpoint: str,
    out: Path,
    onnx: bool = False,
    overwrite: bool = False,
    half: bool = False,
    confidence: Path | None = None,
) -> list[Path]:
    """Write a model's inference checkpoint, and its ONNX graphs, into a folder.

    ``model.json`` names the files with their sizes and hashes; it is written last, so that an
    export that was cut short is not taken for a whole one.

    Args:
        config: The model's, with the test pipeline.
        checkpoint: Path or URL.
        out: The folder.
        onnx: Also write the graphs.
        overwrite: Replace an export that is there.
        half: Hold the inference checkpoint's kernels in half precision; graphs keep theirs.
        confidence: A calibration to go with the weights, of ``tools/calibrate.py``.

    Returns:
        list: The files.

    Raises:
        ExportError: If something is in the way, or cannot be exported; nothing is written then.
        WrongCheckpointError: If the checkpoint does not fit the config; nothing is written either.
        ValueError: If the calibration is none, or another model's.
    """
    out = Path(out)
    old = [out / name for name in (ABOUT, CHECKPOINT, *GRAPHS) if (out / name).exists()]
    if out.is_file():
        raise ExportError(f'{out} is a file: -o takes a folder')
    if old and not overwrite:
        raise ExportError(f'{old[0]} is there already: give another folder, or --overwrite')
    if onnx and (reason := too_old_for('ONNX export')):
        raise ExportError(f'{reason}. The inference checkpoint needs no graph: leave out --onnx')
    missing = [name for name in NEEDED if onnx and find_spec(name) is None]
    if missing:
        raise ExportError(
            f'ONNX export needs {" and ".join(missing)}, which cannot be found: '
            "pip install 'lsnet_mm[onnx]'"
        )
    loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
    init_default_scope(config.get('default_scope', 'mmseg'))
    model = revert_sync_batchnorm(MODELS.build(config.model)).eval()
    load_weights(model, loaded, checkpoint)
    meta = loaded.get('meta', {})
    if config.filename:
        meta = meta | {'name': Path(config.filename).stem}
    if confidence is not None:
        meta = {**meta, 'confidence': read_calibration(confidence, config)}
    files = {CHECKPOINT: inference_checkpoint(model, inference_config(config), meta, half)}
    about = {}
    if onnx:
        steps = preprocessing(config)
        size = steps['resize'] and steps['resize']['size'][::-1]
        graphs = graphs_of(model)
        files |= {n: trace(graph, steps['channels'], size) for n, graph in graphs.items()}
        about = describe(model, steps, OPSET)
    about['classes'] = (meta.get('dataset_meta') or {}).get('classes')
    about['trained_on'] = meta.get('trained_on')
    about['files'] = {
        name: dict(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in files.items()
    }
    files[ABOUT] = (json.dumps(about, indent=2) + '\n').encode()
    for path in old:
        path.unlink()
    return [write_atomic(out / name, data) for name, data in files.items()]
