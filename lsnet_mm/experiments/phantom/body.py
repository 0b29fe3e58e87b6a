"""A patient's body and everything in it but the pancreas."""

import numpy as np
from scipy.ndimage import gaussian_filter

AIR, FAT, MUSCLE, SKIN, BONE, GAS = -1000, -100, 58, 10, 420, -850

SPLEEN = (118, (0.66, -0.30, 1.10), (0.17, 0.34, 0.65))
# HU, centre (u, v, w) and half axes of each part, painted in this order. A half axis of 9 along
# w runs through all slices.
PARTS = (
    (62, (-0.27, -0.68, 0.5), (0.19, 0.15, 9)),  # muscles along the spine
    (62, (0.27, -0.68, 0.5), (0.19, 0.15, 9)),
    (60, (-0.24, -0.40, 0.0), (0.10, 0.15, 0.7)),  # psoas
    (60, (0.24, -0.40, 0.0), (0.10, 0.15, 0.7)),
    (BONE, (0.0, -0.45, 0.5), (0.15, 0.19, 9)),  # vertebra: cortex, then marrow
    (210, (0.0, -0.45, 0.5), (0.12, 0.15, 9)),
    (BONE, (0.0, -0.73, 0.5), (0.12, 0.12, 9)),  # arch, canal and process
    (30, (0.0, -0.70, 0.5), (0.06, 0.07, 9)),
    (BONE, (0.0, -0.90, 0.5), (0.03, 0.09, 9)),
    (112, (-0.48, 0.14, 1.15), (0.40, 0.56, 0.85)),  # liver, right and left lobe
    (112, (-0.12, 0.50, 1.10), (0.42, 0.26, 0.40)),
    SPLEEN,
    (190, (-0.46, -0.36, 0.30), (0.14, 0.22, 0.45)),  # kidneys and their pelvis
    (190, (0.46, -0.36, 0.42), (0.14, 0.22, 0.45)),
    (-60, (-0.39, -0.32, 0.30), (0.07, 0.10, 0.25)),
    (-60, (0.39, -0.32, 0.42), (0.07, 0.10, 0.25)),
    (175, (0.06, -0.17, 0.5), (0.065, 0.085, 9)),  # aorta
    (145, (-0.13, -0.16, 0.5), (0.075, 0.085, 9)),  # vena cava
    (165, (0.01, 0.05, 0.2), (0.035, 0.045, 0.5)),  # mesenteric vessels
    (165, (-0.06, 0.10, 0.2), (0.045, 0.055, 0.5)),
)


class Body:
    """A body of random size, place and orientation, well inside the field of view.

    Body coordinates: u from the patient's right (-1) to the left (1), v from the back (-1) to the
    front (1), w from the lowest slice (0) to the highest (1). Rows run from back to front, as they
    do in the DICOM files of Pancreas-CT: the spine is at the top of a displayed slice.

    Args:
        rng: Source of all that varies between cases.
        shape: (X, Y, Z) voxels of the volume.

    Attributes:
        spacing: (x, y, z) in mm.
        depth: Of the volume in mm.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int]) -> None:
        self.rng, self.shape = rng, shape
        field, depth = rng.uniform(340, 420), rng.uniform(110, 150)
        width = field * rng.uniform(0.38, 0.44)
        self.spacing = (field / shape[0], field / shape[1], depth / shape[2])
        self.depth = shape[2] * self.spacing[2]
        self._axes = [(np.arange(n) + 0.5) * s for n, s in zip(shape, self.spacing, strict=True)]
        self._centre = field * rng.uniform((0.47, 0.51), (0.53, 0.57))  # mm, as the next
        self._radii = width, width * rng.uniform(0.64, 0.76)
        angle = np.deg2rad(rng.uniform(-6, 6))
        self._cos, self._sin = np.cos(angle), np.sin(angle)

    def noise(self, length: float) -> np.ndarray:
        """A smooth random field (X, Y, Z) of float32, zero mean and unit deviation.

        Args:
            length: Correlation length (sigma) in mm.
        """
        white = self.rng.standard_normal(self.shape, dtype=np.float32)
        field = gaussian_filter(white, [length / s for s in self.spacing], mode='wrap')
        return field / field.std()

    def tube(self, line: np.ndarray, radii: np.ndarray, margin: float) -> np.ndarray:
        """Distance to the surface of a tube in mm, negative inside; (X, Y, Z) float32.

        Args:
            line: (n, 3) densely along the tube's centre line, in body coordinates.
            radii: (n,) in mm.
            margin: Distances beyond it are cut, in mm.
        """
        x, y = line[:, 0] * self._radii[0], line[:, 1] * self._radii[1]
        points = np.column_stack(
            [
                self._centre[0] + self._cos * x - self._sin * y,
                self._centre[1] + self._sin * x + self._cos * y,
                line[:, 2] * self.shape[2] * self.spacing[2],
            ]
        )
        field = np.full(self.shape, margin, np.float32)
        for point, radius in zip(points, radii, strict=True):
            offsets = [axis - p for axis, p in zip(self._axes, point, strict=True)]
            near = [np.abs(offset) < radius + margin for offset in offsets]
            x, y, z = np.ix_(*(offset[n] for offset, n in zip(offsets, near, strict=True)))
            window = np.ix_(*near)
            field[window] = np.minimum(field[window], np.sqrt(x**2 + y**2 + z**2) - radius)
        return field

    def paint(self) -> tuple[np.ndarray, np.ndarray]:
        """All parts but the pancreas and its vein, without noise.

        Returns:
            tuple: (X, Y, Z) float32, HU, and (X, Y, Z) bool, the spleen.
        """
        x, y, z = np.ix_(*self._axes)
        x, y = x - self._centre[0], y - self._centre[1]
        # Bent coordinates give every part an outline of its own that changes between slices.
        u = (self._cos * x + self._sin * y) / self._radii[0] + 0.015 * self.noise(15.0)
        v = (self._cos * y - self._sin * x) / self._radii[1] + 0.020 * self.noise(15.0)
        w = z / self.depth
        volume = np.full(self.shape, AIR, np.float32)
        volume[np.abs(v + 1.22 - 0.12 * u**2) < 0.03] = 250  # the table

        _paint_wall(self.rng, volume, u, v)
        for part in PARTS:
            hu, centre, half = part
            place = np.array(centre) + self.rng.normal(0, (0.012, 0.012, 0.03))
            size = np.array(half) * self.rng.uniform(0.9, 1.12, 3)
            value = hu + self.rng.uniform(-8, 8)
            volume[_ellipsoid((u, v, w), place, size)] = value
            if part is SPLEEN:
                spleen_value = np.float32(value)
        # The stomach: wall, contents, and gas at the front, as the patient lies on the back.
        centre = np.array((0.36, 0.42, 0.95)) + self.rng.normal(0, 0.04, 3)
        half = np.array((0.30, 0.25, 0.55)) * self.rng.uniform(0.85, 1.15, 3)
        inside = _ellipsoid((u, v, w), centre, half * 0.86)
        volume[_ellipsoid((u, v, w), centre, half)] = 50
        volume[inside] = self.rng.uniform(10, 35)
        volume[inside & (v > centre[1] + self.rng.uniform(0.0, 0.1))] = GAS
        for _ in range(self.rng.integers(24, 36)):
            _paint_loop(self.rng, volume, u, v, w)
        return volume, volume == spleen_value  # of no other part; less what was painted over it


def _ellipsoid(coordinates, centre, half) -> np.ndarray:
    squares = (((c - m) / h) ** 2 for c, m, h in zip(coordinates, centre, half, strict=True))
    return sum(squares) < 1


def _paint_wall(rng: np.random.Generator, volume, u, v) -> None:
    """Skin, fat rim, muscle with ribs in it, and the fat of the cavity."""
    rim = rng.uniform(0.08, 0.16)
    radius = (np.abs(u) ** 2.4 + np.abs(v) ** 2.4) ** (1 / 2.4)
    for outer, value in ((1.0, SKIN), (0.98, FAT), (1 - rim, MUSCLE)):
        volume[radius < outer] = value
    angle = np.arctan2(v, u)
    for centre in np.linspace(-np.pi, np.pi, 12, endpoint=False) + rng.uniform(-0.1, 0.1, 12):
        along = np.angle(np.exp(1j * (angle - centre)))
        # No ribs in front, where angles are near pi / 2.
        if np.sin(centre) < 0.8:
            across = radius - (1 - rim - 0.04)
            volume[(along / 0.10) ** 2 + (across / 0.022) ** 2 < 1] = BONE
    volume[radius < 1 - rim - 0.08] = FAT


def _paint_loop(rng: np.random.Generator, volume, u, v, w) -> None:
    """One loop of bowel at 15 to 50 HU, in the fat of the lower front, sometimes with gas."""
    centre = rng.uniform((-0.62, -0.08, -0.1), (0.66, 0.62, 0.75))
    half = rng.uniform((0.08, 0.11, 0.10), (0.17, 0.22, 0.25))
    loop = _ellipsoid((u, v, w), centre, half) & (volume == FAT) & (u**2 + v**2 < 0.6)
    volume[loop] = rng.uniform(15, 50)
    inside = loop & _ellipsoid((u, v, w), centre, half * 0.75)
    contents = rng.choice(['same', 'gas', 'contrast'], p=(0.6, 0.28, 0.12))
    if contents == 'gas':
        volume[inside & (v > centre[1] - 0.01)] = GAS
    elif contents == 'contrast':
        volume[inside] = rng.uniform(180, 300)
