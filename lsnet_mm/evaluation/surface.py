"""Surface scores of one case in millimetres, by MONAI."""

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

#: Tolerance of the normalised surface Dice in mm.
NSD_TOLERANCE = 2.0


def hd95(pred: Tensor, target: Tensor, spacing: Sequence[float]) -> float:
    """The 95th percentile of the symmetric Hausdorff distance.

    Empty against empty is 0. Where only one of them is empty no distance exists; it is then the
    diagonal of the volume, the worst possible, so that a missed case cannot improve a mean.

    Args:
        pred: (H, W, D), bool.
        target: (H, W, D), bool.
        spacing: Voxel size in mm along H, W and D.

    Returns:
        float: In mm.
    """
    if not pred.any() or not target.any():
        diagonal = math.hypot(*(n * s for n, s in zip(target.shape, spacing, strict=True)))
        return diagonal if pred.any() or target.any() else 0.0
    return _monai('compute_hausdorff_distance', pred, target, spacing, percentile=95)


def nsd(
    pred: Tensor, target: Tensor, spacing: Sequence[float], tolerance: float = NSD_TOLERANCE
) -> float:
    """Normalised surface Dice: the share of both surfaces within a tolerance of the other.

    Empty against empty is 100; where only one of them is empty it is 0.

    Args:
        pred: (H, W, D), bool.
        target: (H, W, D), bool.
        spacing: Voxel size in mm along H, W and D.
        tolerance: In mm.

    Returns:
        float: In percent.
    """
    if not pred.any() or not target.any():
        return 0.0 if pred.any() or target.any() else 100.0
    return 100.0 * _monai(
        'compute_surface_dice', pred, target, spacing, class_thresholds=[tolerance]
    )


def check_volume(case: str, slices: Sequence[int], spacing: Sequence[float] | None) -> None:
    """Raise where the slices of a case do not make a volume with a known voxel size.

    Raises:
        ValueError: If the spacing is unknown or the slices are not contiguous.
    """
    if spacing is None:
        raise ValueError(f'hd95 and nsd need the voxel spacing, case {case} has none')
    gap = np.flatnonzero(np.diff(slices) != 1)
    if gap.size:
        a, b = slices[gap[0]], slices[gap[0] + 1]
        raise ValueError(
            f'hd95 and nsd need contiguous slices, case {case} jumps from slice {a} to {b}'
        )


def _monai(name: str, pred: Tensor, target: Tensor, spacing: Sequence[float], **options) -> float:
    try:
        import monai.metrics
    except ImportError as error:
        raise ImportError(
            'surface scores need MONAI: pip install monai, or set surface=False'
        ) from error
    masks = pred[None, None], target[None, None]
    options |= dict(include_background=True, spacing=list(spacing))
    return float(getattr(monai.metrics, name)(*masks, **options))
