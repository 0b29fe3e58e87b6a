"""Convolutions in 8 bits: the graphs of an export, calibrated on slices."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .errors import ExportError
from .onnx_model import ONNXModel, dice


def quantize(
    graphs: Mapping[str, bytes], about: dict, images: Sequence[np.ndarray]
) -> tuple[dict[str, bytes], float]:
    """The graphs with convolutions of 8 bits, a scale for each channel of weights and each map.

    Args:
        graphs: ONNX files by name.
        about: What ``model.json`` says of them.
        images: (1, C, H, W), which the ranges of all maps are taken from; crops are those that
            the model itself finds in them.

    Returns:
        tuple: The new files by name, and their masks' mean Dice with the old ones' on the images.

    Raises:
        ExportError: If the model finds nothing in any of them, so that there are no crops.
    """
    with TemporaryDirectory() as folder:
        exact, small = Path(folder) / 'exact', Path(folder) / 'int8'
        for path in (exact, small):
            path.mkdir()
            (path / 'model.json').write_text(json.dumps(about))
        for name, file in graphs.items():
            (exact / name).write_bytes(file)
        model = ONNXModel(exact)
        seen = {name: _Recorder(model, Path(name).stem) for name in graphs}
        before = [model.predict(image, image.shape[-2:])[0]['mask'] for image in images]
        for name, recorder in seen.items():
            if not recorder.feeds:
                raise ExportError(
                    f'the model finds no object in {len(images)} slices of the training, so its '
                    'second stage cannot be made 8-bit: give --int8 more slices, or train it longer'
                )
            _quantize(exact / name, small / name, recorder.feeds)
        model = ONNXModel(small)
        after = [model.predict(image, image.shape[-2:])[0]['mask'] for image in images]
        agreement = np.mean([dice(a, b) for a, b in zip(before, after, strict=True)])
        return {name: (small / name).read_bytes() for name in graphs}, float(agreement)


def _quantize(source: Path, target: Path, feeds: list[dict]) -> None:
    prepared = source.with_suffix('.prepared.onnx')
    # Shapes of symbols cannot be inferred through the sampling of crops, and need not be.
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        target,
        _Feeds(feeds),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=['Conv'],
    )


class _Recorder:
    """Stands in for a session of a model, and keeps what it is given."""

    def __init__(self, model: ONNXModel, name: str) -> None:
        self.session, self.feeds = getattr(model, name), []
        setattr(model, name, self)

    def run(self, outputs: None, feeds: dict) -> list[np.ndarray]:
        self.feeds.append(feeds)
        return self.session.run(outputs, feeds)


class _Feeds(CalibrationDataReader):
    def __init__(self, feeds: list[dict]) -> None:
        self.feeds: Iterator[dict] = iter(feeds)

    def get_next(self) -> dict | None:
        return next(self.feeds, None)
