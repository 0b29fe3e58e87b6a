from collections.abc import Sequence

from mmcv.transforms import Compose
from mmengine.config import Config

#: Transforms that prepare the ground truth, which a new patient has not.
GROUND_TRUTH = {'LoadAnnotations', 'LoadCTMask', 'BoxesFromMask'}
WINDOW = (0.0, 255.0)


def slice_pipeline(cfg: Config, window: Sequence[float] = WINDOW) -> Compose:
    """The config's own test pipeline, for slices of a volume in memory.

    Loading from files is replaced, ground truth left out; all the rest is as in the test.

    Args:
        cfg: With a ``test_dataloader``, whose pipeline starts with ``LoadCTSlice`` (HU), or with
            ``LoadImageFromFile`` (8-bit slices).
        window: For a pipeline of 8-bit slices: the HU that became 0 and 255 in them. Such configs
            of this project were trained on HU from 0 to 255.

    Returns:
        Compose: From dicts with ``voxels`` (X, Y, Z) in HU and ``slice_index``.

    Raises:
        ValueError: If the pipeline starts otherwise.
    """
    dataset = cfg.test_dataloader.dataset
    transforms = []
    for transform in dataset.get('pipeline', cfg.get('test_pipeline', ())):
        transform = dict(transform)
        kind = transform['type']
        if kind in GROUND_TRUTH:
            continue
        if kind == 'LoadCTSlice':
            transform['type'] = 'CTSliceFromMemory'
        elif kind == 'LoadImageFromFile':
            kept = {k: transform[k] for k in ('to_float32', 'color_type') if k in transform}
            transform = dict(type='GreySliceFromMemory', window=tuple(window), **kept)
        transforms.append(transform)
    first = transforms[0]['type'] if transforms else 'nothing'
    if first not in ('CTSliceFromMemory', 'GreySliceFromMemory'):
        raise ValueError(
            'the test pipeline must start with LoadCTSlice or LoadImageFromFile to take slices of '
            f'a volume; it starts with {first}.'
        )
    return Compose(transforms)


def grey_window(pipeline: Compose) -> tuple[float, float]:
    """The window (low, high) in HU that a net sees through a pipeline, for pictures."""
    windows = (t.window for t in pipeline.transforms if hasattr(t, 'window'))
    return next(windows, (-100.0, 240.0))
