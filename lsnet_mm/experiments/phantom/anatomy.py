import numpy as np

from .frame import Frame

AIR, FAT, MUSCLE, SKIN, BONE, GAS = -1000, -100, 58, 10, 420, -850

SPLEEN = (118, (0.66, -0.30, 1.10), (0.17, 0.34, 0.65))
# HU, centre (u, v, w) and half axes of each organ, painted in this order. A half axis of 9 along
# w runs through all slices.
ORGANS = (
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


def paint_anatomy(rng: np.random.Generator, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Everything but the pancreas and its vein, without noise.

    Args:
        rng: Source of the variation between cases.
        frame: Place of the body.

    Returns:
        tuple[np.ndarray, np.ndarray]: (X, Y, Z) float32, HU, and (X, Y, Z) bool, the spleen.
    """
    u, v, w = frame.body_coordinates()
    # Bent coordinates give every organ an outline of its own that changes from slice to slice.
    u = u + 0.015 * frame.noise(rng, 15.0)
    v = v + 0.020 * frame.noise(rng, 15.0)
    volume = np.full(frame.shape, AIR, np.float32)
    volume[np.abs(v + 1.22 - 0.12 * u**2) < 0.03] = 250  # the table

    _paint_wall(rng, volume, u, v)
    for organ in ORGANS:
        hu, centre, half = organ
        place = np.array(centre) + rng.normal(0, (0.012, 0.012, 0.03))
        size = np.array(half) * rng.uniform(0.9, 1.12, 3)
        value = hu + rng.uniform(-8, 8)
        volume[_ellipsoid(u, v, w, place, size)] = value
        if organ is SPLEEN:
            spleen_value = np.float32(value)
    _paint_stomach(rng, volume, u, v, w)
    for _ in range(rng.integers(24, 36)):
        _paint_loop(rng, volume, u, v, w)
    return volume, volume == spleen_value  # of no other organ; less what was painted over it


def _ellipsoid(u, v, w, centre, half) -> np.ndarray:
    squares = (((c - m) / h) ** 2 for c, m, h in zip((u, v, w), centre, half, strict=True))
    return sum(squares) < 1


def _paint_wall(rng: np.random.Generator, volume, u, v) -> None:
    """Skin, fat rim, muscle with ribs in it, and the fat of the cavity."""
    rim = rng.uniform(0.08, 0.16)
    radius = (np.abs(u) ** 2.4 + np.abs(v) ** 2.4) ** (1 / 2.4)
    volume[radius < 1.0] = SKIN
    volume[radius < 0.98] = FAT
    volume[radius < 1 - rim] = MUSCLE
    middle = 1 - rim - 0.04
    angle = np.arctan2(v, u)
    for centre in np.linspace(-np.pi, np.pi, 12, endpoint=False) + rng.uniform(-0.1, 0.1, 12):
        along = np.angle(np.exp(1j * (angle - centre)))
        # No ribs in front, where angles are near pi / 2.
        if np.sin(centre) < 0.8:
            volume[(along / 0.10) ** 2 + ((radius - middle) / 0.022) ** 2 < 1] = BONE
    volume[radius < 1 - rim - 0.08] = FAT


def _paint_stomach(rng: np.random.Generator, volume, u, v, w) -> None:
    """Wall, contents, and gas at the front: the patient lies on the back."""
    centre = np.array((0.36, 0.42, 0.95)) + rng.normal(0, 0.04, 3)
    half = np.array((0.30, 0.25, 0.55)) * rng.uniform(0.85, 1.15, 3)
    inside = _ellipsoid(u, v, w, centre, half * 0.86)
    volume[_ellipsoid(u, v, w, centre, half)] = 50
    volume[inside] = rng.uniform(10, 35)
    volume[inside & (v > centre[1] + rng.uniform(0.0, 0.1))] = GAS


def _paint_loop(rng: np.random.Generator, volume, u, v, w) -> None:
    """One loop of bowel at 15 to 50 HU, in the fat of the lower front, sometimes with gas."""
    centre = rng.uniform((-0.62, -0.08, -0.1), (0.66, 0.62, 0.75))
    half = rng.uniform((0.08, 0.11, 0.10), (0.17, 0.22, 0.25))
    loop = _ellipsoid(u, v, w, centre, half) & (volume == FAT) & (u**2 + v**2 < 0.6)
    volume[loop] = rng.uniform(15, 50)
    inside = loop & _ellipsoid(u, v, w, centre, half * 0.75)
    contents = rng.choice(['same', 'gas', 'contrast'], p=(0.6, 0.28, 0.12))
    if contents == 'gas':
        volume[inside & (v > centre[1] - 0.01)] = GAS
    elif contents == 'contrast':
        volume[inside] = rng.uniform(180, 300)
