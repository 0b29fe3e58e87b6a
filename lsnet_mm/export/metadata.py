from torch import nn

from ..models.dense_heads.mask_branch import MASK_CFG
from ..models.localizers import CoarseLocalizer
from ..models.segmentors import LSNet
from ..version import __version__

#: Grows when a runner of an older version would misread the graphs, of the models that it would
#: misread: 2 is of those whose boxes and mask have to agree.
SCHEMA, MASK_SCHEMA = 1, 2


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
        about['localizer'] = _localizer(model)
        if 'mask_thr' in about['localizer']:
            about['schema'] = MASK_SCHEMA
        about['crop'] = dict(
            type=type(model.roi_extractor).__name__,
            size=model.roi_extractor.size,
            margin=model.roi_extractor.margin,
        )
        about.update({key: model.test_cfg[key] for key in ('rounds', 'agreement')})
    return about


def _localizer(model: LSNet) -> dict:
    localizer, size = model.localizer, model.localizer_size
    if isinstance(localizer, CoarseLocalizer):
        one = localizer.segmentor.out_channels == 1
        return dict(kind='mask', size=size, threshold=localizer.threshold if one else 0.5)
    head = localizer.head
    keys = ('score_thr', 'vote', 'max_per_img', *(MASK_CFG if head.mask is not None else ()))
    rule = {key: head.test_cfg[key] for key in keys}
    return dict(kind='heatmap', size=size, stride=head.stride, centerness=True, **rule)
