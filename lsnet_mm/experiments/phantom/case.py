import numpy as np
from scipy.ndimage import gaussian_filter

from .anatomy import paint_anatomy
from .frame import Frame
from .pancreas import make_pancreas

ORGANS = ('pancreas', 'spleen')
SMALLEST = (32, 32, 8)


def make_case(
    seed: int, case: int, shape: tuple[int, int, int] = (128, 128, 24), organs: int = 1
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """One procedural abdominal CT with its pancreas, the same for the same (seed, case, shape).

    It is made to be like Pancreas-CT where a method notices: the pancreas fills a small and
    strongly varying part of the slice, less than half of the slices hold it, some in two pieces,
    and bowel, vessels and stomach of similar values touch it.

    Args:
        seed: Of the data set.
        case: Number of the case.
        shape: (X, Y, Z) voxels: columns, rows, slices.
        organs: How many of ``ORGANS`` the label holds.

    Returns:
        tuple: The volume (X, Y, Z) int16 in HU, the label (X, Y, Z) uint8 (1 is pancreas, 2 is
        spleen), and the spacing (x, y, z) in mm. Slice ``[:, :, k]`` is transposed to (rows,
        columns) for display.

    Raises:
        ValueError: If the volume is too small to hold an organ, or there are no such ``organs``.
    """
    if len(shape) != 3 or any(n < least for n, least in zip(shape, SMALLEST, strict=True)):
        raise ValueError(f'make_case: shape must be at least {SMALLEST}, got {tuple(shape)}.')
    if not 1 <= organs <= len(ORGANS):
        raise ValueError(f'make_case: organs must be 1 to {len(ORGANS)} of {ORGANS}, got {organs}.')
    rng = np.random.default_rng([seed, case])
    frame = Frame.random(rng, tuple(shape))
    volume, spleen = paint_anatomy(rng, frame)
    pancreas, vein = make_pancreas(rng, frame)
    volume[vein] = rng.uniform(150, 175)
    # Enhancement differs between patients; fat between the lobules makes it uneven.
    volume[pancreas] = rng.uniform(100, 115) - 8 * np.abs(frame.noise(rng, 3.0)[pancreas])

    volume = gaussian_filter(volume, (0.55, 0.55, 0))  # the scanner's blur, in voxels
    volume += 4 * frame.noise(rng, 8.0)
    grain = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0.5, 0.5, 0))
    volume += rng.uniform(8, 12) * grain / grain.std()
    volume = np.clip(np.rint(volume), -1024, 3071).astype(np.int16)
    label = pancreas.astype(np.uint8)
    if organs > 1:
        label[spleen & ~vein & ~pancreas] = 2
    return volume, label, frame.spacing
