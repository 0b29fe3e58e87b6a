"""The test pipeline as data: what happens to a slice before the model's own preprocessing."""

from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from .errors import ExportError

# How many channels MMCV's loading gives, by its color_type.
_CHANNELS = {'color': 3, 'grayscale': 1}
# How they resize where a config does not say.
_INTERPOLATION = {'Resize': 'bilinear', 'ResizeSlice': 'area'}
# They load or pack, and leave the image alone.
_NOT_OF_THE_IMAGE = {
    'LoadCTMask',
    'LoadAnnotations',
    'BoxesFromMask',
    'PackLSNetInputs',
    'PackSegInputs',
}


def preprocessing(config: Config) -> dict:
    """What a runner has to do with a slice.

    Args:
        config: With ``test_dataloader`` or ``test_pipeline``.

    Returns:
        dict: ``channels``; ``neighbours`` on each side that are channels; ``hu_window`` (low,
        high), None for 8-bit images; ``resize``, None or ``size`` (w, h) and ``interpolation``.

    Raises:
        ExportError: If the pipeline does anything else to the image.
    """
    result = dict(channels=3, neighbours=0, hu_window=None, resize=None)
    for step in test_pipeline(config):
        name = step['type'].split('.')[-1]
        if name == 'LoadCTSlice':
            neighbours = TRANSFORMS.build(dict(step)).neighbours
            result.update(channels=2 * neighbours + 1, neighbours=neighbours)
        elif name == 'LoadImageFromFile' and step.get('color_type', 'color') in _CHANNELS:
            result['channels'] = _CHANNELS[step.get('color_type', 'color')]
        elif name == 'HUWindow' and result['resize'] is None:
            result['hu_window'] = TRANSFORMS.build(dict(step)).window
        elif name in _INTERPOLATION and _is_plain(step):
            how = step.get('interpolation', _INTERPOLATION[name])
            result['resize'] = dict(size=tuple(step['scale']), interpolation=how)
        elif name not in _NOT_OF_THE_IMAGE:
            raise ExportError(
                f'the ONNX runner knows no {dict(step)} in the test pipeline: leave it out, or '
                'export without --onnx'
            )
    return result


def test_pipeline(config: Config) -> list[dict]:
    """The transforms of the test.

    Raises:
        ExportError: If the config has none.
    """
    dataset = config.get('test_dataloader', {}).get('dataset', {})
    pipeline = dataset.get('pipeline') or config.get('test_pipeline')
    if not pipeline:
        raise ExportError('the config has no test_pipeline, which says how slices are prepared')
    return pipeline


def _is_plain(step: dict) -> bool:
    keys = {'type', 'scale', 'keep_ratio', 'interpolation'}
    return set(step) <= keys and 'scale' in step and not step.get('keep_ratio', False)
