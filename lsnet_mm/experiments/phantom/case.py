import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from .body import Body

ORGANS = ('pancreas', 'spleen')
SMALLEST = (32, 32, 8)
# Centre line from the head to the tail in body coordinates, a row each; w is relative to the
# organ's extent. It is an arch: slices below its top cut it twice, in the head and in the tail.
CENTRE_LINE = np.array(
    [
        (-0.25, -0.21, -0.06, 0.12, 0.32, 0.50),
        (0.10, 0.19, 0.27, 0.15, 0.00, -0.18),
        (0.0, 0.35, 0.7, 0.95, 0.9, 0.55),
    ]
).T
RADII = np.array((5.0, 17.0, 11.5, 14.5, 12.0, 2.5))  # mm, at the same points


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
    body = Body(rng, tuple(shape))
    volume, spleen = body.paint()
    pancreas, vein = _pancreas(rng, body)
    volume[vein] = rng.uniform(150, 175)
    # Enhancement differs between patients; fat between the lobules makes it uneven.
    volume[pancreas] = rng.uniform(100, 115) - 8 * np.abs(body.noise(3.0)[pancreas])

    volume = gaussian_filter(volume, (0.55, 0.55, 0))  # the scanner's blur, in voxels
    volume += 4 * body.noise(8.0)
    grain = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0.5, 0.5, 0))
    volume += rng.uniform(8, 12) * grain / grain.std()
    volume = np.clip(np.rint(volume), -1024, 3071).astype(np.int16)
    label = pancreas.astype(np.uint8)
    if organs > 1:
        label[spleen & ~vein & ~pancreas] = 2
    return volume, label, body.spacing


def _pancreas(rng: np.random.Generator, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """A lobulated, tapering tube along a randomly bent arch, and the vein behind it.

    Returns:
        tuple[np.ndarray, np.ndarray]: Masks (X, Y, Z) of the pancreas and of the splenic vein.
        The first and the last slices hold no pancreas.
    """
    knots = np.linspace(0, 1, len(CENTRE_LINE))
    line = CENTRE_LINE + rng.normal(0, (0.02, 0.025, 0.06), CENTRE_LINE.shape)
    line[-1] += rng.uniform((-0.08, -0.02, -0.35), (0.04, 0.12, 0.25))  # tails differ most
    line[:, :2] += rng.uniform(-0.05, 0.05, 2)
    radii = RADII * rng.uniform(0.85, 1.15) * rng.uniform(0.85, 1.15, RADII.shape)

    path = np.linspace(0, 1, 120)
    points = CubicSpline(knots, line)(path)
    radii = np.maximum(CubicSpline(knots, radii)(path), 2.0)
    # Heights are stretched and shifted: the tube covers a random 38 to 46 % of the slices.
    height, radius = points[:, 2], radii / body.depth
    extent = rng.uniform(0.38, 0.46)
    low = rng.uniform(0.14, 0.86 - extent)
    top, bottom = np.argmax(height), np.argmin(height)
    stretch = (extent - radius[top] - radius[bottom]) / (height[top] - height[bottom])
    points[:, 2] = low + radius[bottom] + (height - height[bottom]) * stretch
    pancreas = body.tube(points, radii, margin=8.0) + 1.0 * body.noise(4.0) < 0
    behind = points[path > 0.4] - (0.0, 0.11, 0.0)
    return pancreas, body.tube(behind, np.full(len(behind), 3.5), margin=4.0) < 0
