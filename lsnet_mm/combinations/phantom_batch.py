import numpy as np
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope

import lsnet_mm.datasets  # noqa: F401  registers

from ..phantom.case import make_case

PIPELINE = (
    dict(type='HUWindow'),
    dict(type='BoxesFromMask', merge_distance=80),
    dict(type='GenerateEdge', edge_width=4),  # for PIDNet
    dict(type='PackLSNetInputs'),
)


def phantom_batch(number: int, size: int, organs: int, seed: int = 0) -> dict:
    """Slices of a procedural CT with all organs in them, as a data loader gives them.

    Args:
        number: Of slices.
        size: Their height and width, 32 at least.
        organs: Classes besides the background, 1 or 2.
        seed: Of the phantom.

    Returns:
        dict: ``inputs``, (1, H, W) each, and ``data_samples``.
    """
    init_default_scope('mmseg')
    volume, label, _ = make_case(seed, 1, (size, size, 8 * (number + 2)), organs)
    held = np.all([(label == k).any(axis=(0, 1)) for k in range(1, organs + 1)], axis=0)
    middle = np.flatnonzero(held)[len(np.flatnonzero(held)) // 2 :][:number]
    pipeline = Compose(PIPELINE)
    packed = [pipeline(_slice(volume, label, index)) for index in middle]
    if len(packed) < number:
        raise ValueError(f'the phantom has {len(packed)} slices with all organs, not {number}')
    return dict(
        inputs=[p['inputs'] for p in packed], data_samples=[p['data_samples'] for p in packed]
    )


def _slice(volume: np.ndarray, label: np.ndarray, index: int) -> dict:
    image = np.ascontiguousarray(volume[..., index].T, np.float32)
    return dict(
        img=image,
        gt_seg_map=np.ascontiguousarray(label[..., index].T),
        seg_fields=['gt_seg_map'],
        img_shape=image.shape,
        ori_shape=image.shape,
        case='phantom',
        slice_index=int(index),
    )
