import numpy as np
from scipy.interpolate import CubicSpline

from .frame import Frame

# Centre line from the head to the tail in body coordinates; the third is the height relative to
# the organ's extent. It is an arch: slices below its top cut it twice, in the head and in the tail.
CENTRE_LINE = np.array(
    [
        (-0.25, 0.10, 0.0),
        (-0.21, 0.19, 0.35),
        (-0.06, 0.27, 0.7),
        (0.12, 0.15, 0.95),
        (0.32, 0.00, 0.9),
        (0.50, -0.18, 0.55),
    ]
)
RADII = np.array((5.0, 17.0, 11.5, 14.5, 12.0, 2.5))  # mm, at the same points
SAMPLES = 120


def make_pancreas(rng: np.random.Generator, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """A lobulated, tapering tube along a randomly bent arch, and the vein behind it.

    Args:
        rng: Source of the variation.
        frame: Place of the body.

    Returns:
        tuple[np.ndarray, np.ndarray]: Masks (X, Y, Z) of the pancreas and of the splenic vein.
        The first and the last slices hold no pancreas.
    """
    knots = np.linspace(0, 1, len(CENTRE_LINE))
    line = CENTRE_LINE + rng.normal(0, (0.02, 0.025, 0.06), CENTRE_LINE.shape)
    line[-1] += rng.uniform((-0.08, -0.02, -0.35), (0.04, 0.12, 0.25))  # tails differ most
    line[:, :2] += rng.uniform(-0.05, 0.05, 2)
    radii = RADII * rng.uniform(0.85, 1.15) * rng.uniform(0.85, 1.15, RADII.shape)

    path = np.linspace(0, 1, SAMPLES)
    points = CubicSpline(knots, line)(path)
    radii = np.maximum(CubicSpline(knots, radii)(path), 2.0)
    points[:, 2] = _fit_height(rng, points[:, 2], radii / (frame.shape[2] * frame.spacing[2]))

    distance = frame.tube_distance(frame.to_mm(points), radii, margin=8.0)
    pancreas = distance + 1.0 * frame.noise(rng, 4.0) < 0

    behind = points[path > 0.4] - (0.0, 0.11, 0.0)
    vein = frame.tube_distance(frame.to_mm(behind), np.full(len(behind), 3.5), margin=4.0) < 0
    return pancreas, vein


def _fit_height(rng: np.random.Generator, height: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Stretch and shift heights so that the tube covers a random 38 to 46 % of the slices.

    Args:
        rng: Source of the extent and its place.
        height: (n,) of the centre line.
        radius: (n,) of the tube, as a fraction of the volume's depth.

    Returns:
        np.ndarray: (n,) as fractions of the depth.
    """
    extent = rng.uniform(0.38, 0.46)
    low = rng.uniform(0.14, 0.86 - extent)
    top, bottom = np.argmax(height), np.argmin(height)
    stretch = (extent - radius[top] - radius[bottom]) / (height[top] - height[bottom])
    return low + radius[bottom] + (height - height[bottom]) * stretch
