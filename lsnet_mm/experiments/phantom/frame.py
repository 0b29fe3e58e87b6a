from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class Frame:
    """Where a phantom's body lies in its volume.

    Body coordinates: u from the patient's right (-1) to the left (1), v from the back (-1) to the
    front (1), w from the lowest slice (0) to the highest (1). Rows run from back to front, as they
    do in the DICOM files of Pancreas-CT: the spine is at the top of a displayed slice.

    Attributes:
        shape: (X, Y, Z) voxels.
        spacing: (x, y, z) in mm.
        centre: (x, y) of the body's axis in mm.
        radii: (x, y) half axes of the body in mm.
        angle: Rotation of the patient about the body's axis, in radians.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    centre: tuple[float, float]
    radii: tuple[float, float]
    angle: float

    @classmethod
    def random(cls, rng: np.random.Generator, shape: tuple[int, int, int]) -> 'Frame':
        """A body of random size, place and orientation, well inside the field of view."""
        field = rng.uniform(340, 420)
        depth = rng.uniform(110, 150)
        width = field * rng.uniform(0.38, 0.44)
        return cls(
            shape=shape,
            spacing=(field / shape[0], field / shape[1], depth / shape[2]),
            centre=tuple(field * rng.uniform((0.47, 0.51), (0.53, 0.57))),
            radii=(width, width * rng.uniform(0.64, 0.76)),
            angle=np.deg2rad(rng.uniform(-6, 6)),
        )

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions of the voxel centres in mm along x, y and z, shaped to broadcast."""
        return np.ix_(
            *((np.arange(n) + 0.5) * s for n, s in zip(self.shape, self.spacing, strict=True))
        )

    def body_coordinates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """u (X, Y, 1), v (X, Y, 1) and w (1, 1, Z) of every voxel."""
        x, y, z = self.axes()
        x, y = x - self.centre[0], y - self.centre[1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        u = (cos * x + sin * y) / self.radii[0]
        v = (cos * y - sin * x) / self.radii[1]
        return u, v, z / (self.shape[2] * self.spacing[2])

    def to_mm(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) from body coordinates (u, v, w) to (x, y, z) in mm."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        x, y = points[:, 0] * self.radii[0], points[:, 1] * self.radii[1]
        return np.column_stack(
            [
                self.centre[0] + cos * x - sin * y,
                self.centre[1] + sin * x + cos * y,
                points[:, 2] * self.shape[2] * self.spacing[2],
            ]
        )

    def noise(self, rng: np.random.Generator, length: float) -> np.ndarray:
        """A smooth random field of zero mean and unit deviation.

        Args:
            rng: Source of the numbers.
            length: Correlation length (sigma) in mm.

        Returns:
            np.ndarray: (X, Y, Z) float32.
        """
        white = rng.standard_normal(self.shape, dtype=np.float32)
        field = gaussian_filter(white, [length / s for s in self.spacing], mode='wrap')
        return field / field.std()

    def tube_distance(self, points: np.ndarray, radii: np.ndarray, margin: float) -> np.ndarray:
        """Distance to the surface of a tube, negative inside.

        Args:
            points: (n, 3) densely along the tube's centre line, in mm.
            radii: (n,) in mm.
            margin: Distances beyond it are cut, in mm.

        Returns:
            np.ndarray: (X, Y, Z) float32, in mm.
        """
        field = np.full(self.shape, margin, np.float32)
        axes = [axis.ravel() for axis in self.axes()]
        for point, radius in zip(points, radii, strict=True):
            near = [np.abs(axis - p) < radius + margin for axis, p in zip(axes, point, strict=True)]
            window = np.ix_(*near)
            x, y, z = np.ix_(*(a[n] - p for a, n, p in zip(axes, near, point, strict=True)))
            distance = np.sqrt(x**2 + y**2 + z**2) - radius
            field[window] = np.minimum(field[window], distance)
        return field
