"""What `model.json` says: all that a runner needs to know beside the graphs, as plain values."""

from mmengine.config import Config
from mmengine.registry import TRANSFORMS
from torch import nn

from ..models.dense_heads.mask_branch import MASK_CFG
from ..models.localizers import CoarseLocalizer
from ..models.segmentors import LSNet
from ..version import __version__
from . import ExportError

#: Grows when a runner of an older version would misread the graphs, of the models that it would
#: misread: 2 is of those whose boxes and mask have to agree.
SCHEMA, MASK_SCHEMA = 1, 2

# How many channels MMCV's loading gives, by its color_type.
_CHANNELS = {'color': 3, 'grayscale': 1}
# How they resize where a config does not say.
_INTERPOLATION = {'Resize': 'bilinear', 'ResizeSlice': 'area'}
# They load or pack, and leave the image alone.
_LOADING = {'LoadCTMask', 'LoadAnnotations', 'BoxesFromMask'}
_PACKING = {'PackLSNetInputs', 'PackSegInputs'}


def describe(model: nn.Module, preprocessing: dict, opset: int) -> dict:
    """All that a runner needs to know beside the graphs, as plain values.

    Args:
        model: An ``LSNet`` or an ``EncoderDecoder``.
        preprocessing: What comes before the graphs, see `preprocessing`.
        opset: Of the graphs.
    """
    head = model.decode_head
    head = head[-1] if isinstance(head, nn.ModuleList) else head
    normalize = model.data_preprocessor
    about = dict(
        schema=SCHEMA,
        lsnet_mm_version=__version__,
        opset=opset,
        input='images: float32 (N, C, H, W), [0, 255] after hu_window, before mean and std',
        preprocessing=preprocessing,
        # For the reader: these are in the graphs.
        mean=normalize.mean.flatten().tolist() if normalize._enable_normalize else None,
        std=normalize.std.flatten().tolist() if normalize._enable_normalize else None,
        out_channels=model.out_channels,
        threshold=head.threshold if model.out_channels == 1 else None,
        localizer=None,
    )
    if isinstance(model, LSNet):
        localizer, crop = model.localizer, model.roi_extractor
        if isinstance(localizer, CoarseLocalizer):
            one = localizer.segmentor.out_channels == 1
            rule = dict(kind='mask', threshold=localizer.threshold if one else 0.5)
        else:
            of_mask = () if localizer.head.mask is None else MASK_CFG
            about['schema'] = MASK_SCHEMA if of_mask else SCHEMA
            rule = dict(kind='heatmap', stride=localizer.head.stride, centerness=True)
            keys = 'score_thr', 'vote', 'max_per_img', *of_mask
            rule |= {key: localizer.head.test_cfg[key] for key in keys}
        about['localizer'] = rule | dict(size=model.localizer_size)
        about['crop'] = dict(type=type(crop).__name__, size=crop.size, margin=crop.margin)
        about.update({key: model.test_cfg[key] for key in ('rounds', 'agreement')})
    return about


def preprocessing(config: Config) -> dict:
    """What a runner has to do with a slice.

    Args:
        config: With ``test_dataloader`` or ``test_pipeline``.

    Returns:
        dict: ``channels``; ``neighbours`` on each side that are channels; ``hu_window`` (low,
        high), None for 8-bit images; ``resize``, None or ``size`` (w, h) and ``interpolation``.

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
        elif name in _INTERPOLATION and _is_plain(step):
            how = step.get('interpolation', _INTERPOLATION[name])
            result['resize'] = dict(size=tuple(step['scale']), interpolation=how)
        elif name not in _LOADING | _PACKING:
            raise ExportError(
                f'the ONNX runner knows no {dict(step)} in the test pipeline: leave it out, or '
                'export without --onnx'
            )
    return result


def _is_plain(step: dict) -> bool:
    known = {'type', 'scale', 'keep_ratio', 'interpolation'}
    return {'scale'} <= step.keys() <= known and not step.get('keep_ratio')
