"""What tools/export.py does."""

import hashlib
import json
from pathlib import Path

from mmengine.config import Config

from ..files import write_atomic
from .calibration import calibration_images
from .errors import ExportError
from .inference_checkpoint import inference_checkpoint, inference_config
from .load import load_for_export
from .metadata import describe
from .onnx_graphs import graphs_of, require_onnx
from .preprocessing import preprocessing

CHECKPOINT = 'model.pth'
ABOUT = 'model.json'
GRAPHS = ('localizer.onnx', 'segmentor.onnx')


def export(
    config: Config,
    checkpoint: str,
    out: Path,
    onnx: bool = False,
    overwrite: bool = False,
    int8: int = 0,
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
        int8: Convolutions of the graphs in 8 bits, calibrated on so many slices of the training.

    Returns:
        list: The files.

    Raises:
        ExportError: If something is in the way, or cannot be exported; nothing is written then.
    """
    out = Path(out)
    old = [out / name for name in (ABOUT, CHECKPOINT, *GRAPHS) if (out / name).exists()]
    if out.is_file():
        raise ExportError(f'{out} is a file: -o takes a folder')
    if old and not overwrite:
        raise ExportError(f'{old[0]} is there already: give another folder, or --overwrite')
    if int8 and not onnx:
        raise ExportError('--int8 is of ONNX graphs: add --onnx')
    if onnx:
        require_onnx()
    model, meta = load_for_export(config, checkpoint)
    kept = inference_config(config)
    files = {CHECKPOINT: inference_checkpoint(model, kept, meta)}
    about = {}
    if onnx:
        from .trace import OPSET, trace  # needs the packages

        steps = preprocessing(config)
        size = steps['resize'] and steps['resize']['size'][::-1]
        graphs = graphs_of(model)
        images = calibration_images(config, int8) if int8 else []
        onnx_files = {n: trace(graph, steps['channels'], size) for n, graph in graphs.items()}
        about = describe(model, steps, OPSET)
        if int8:
            from .quantize import quantize

            onnx_files, agreement = quantize(onnx_files, about, images)
            about['int8'] = dict(slices=len(images), dice_with_float32=round(agreement, 4))
        files |= onnx_files
    about['classes'] = (meta.get('dataset_meta') or {}).get('classes')
    about['files'] = {
        name: dict(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in files.items()
    }
    files[ABOUT] = (json.dumps(about, indent=2) + '\n').encode()
    for path in old:
        path.unlink()
    return [write_atomic(out / name, data) for name, data in files.items()]
