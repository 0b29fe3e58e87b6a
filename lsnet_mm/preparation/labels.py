"""Labels: their values, and whether they sit on their organ; headers cannot be trusted in that.

Inside an organ values are alike, around it they are not: fat on one side, vessels and bowel on the
other. The right label scores higher than the same label mirrored or moved.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from ..utils.colors import GT, class_colors
from ..utils.files import encode_png
from ..utils.layout import value_fix
from ..utils.resizing import resize_labels
from ..volumes import Volume, VolumeError, public_name, read_nifti, read_slice

#: Shifts along the slices that the given alignment must beat.
SHIFTS = (-10, -5, 5, 10)
#: Nothing in an abdomen but fat and air lies below this value (HU).
FAT_BELOW = -30
#: Deviations from the organ's median count up to here (HU): air and bone are not everything.
CAP = 80
#: Width of the surroundings, in voxels of the slice.
RING = 3
#: Voxels that are looked at, inside and around; they give a score to half a HU.
SAMPLE = 30_000
GIVEN = 'as given'
#: Pictures in a row of the sheet; their side, title and gap in pixels.
PICTURES, SIDE, HEAD, GAP = 8, 256, 18, 4
WINDOW = (-100, 240)
FONT = (cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)
INK, PAPER = (40, 40, 40), (255, 255, 255)  # blue, green, red
#: All that is within ``RING`` steps from voxel to voxel.
_DIAMOND = np.uint8(np.add.outer(*[abs(np.arange(-RING, RING + 1))] * 2) <= RING)


def read_label(path: Path, classes: dict[str, int], shape: tuple[int, ...]) -> Volume:
    """The uint8 volume of a file; a VolumeError if its shape or a value is another than given."""
    volume, where = read_nifti(path), public_name(path)
    if volume.voxels.shape != shape:  # in a series it tells, too, that a slice at an end is missing
        reason = f'the label is {volume.voxels.shape}, its image is {shape} (columns, rows, slices)'
        raise VolumeError(where, reason, 'Check that the image is whole and the label is its own')
    allowed = sorted(classes.values())
    # By comparisons: the table that numpy makes of whole numbers is eight times the volume.
    known = np.isin(volume.voxels, allowed, kind='sort')
    if not known.all():
        wrong = np.unique(volume.voxels[~known])
        found = ', '.join(f'{value:g}' for value in wrong[:5])
        fix = value_fix(volume.voxels[known], wrong) or 'Correct the label, or dataset.json'
        reason = f'label values must be {", ".join(map(str, allowed))}, found {found}'
        raise VolumeError(where, reason, fix)
    return Volume(volume.voxels.astype(np.uint8, copy=False), volume.affine)


def alignment_scores(voxels: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Score a label as it is given, under every flip, and moved by 5 and 10 slices.

    The score, in HU, is how much further voxels around the label are from the label's median than
    voxels inside it (boundary contrast), minus 1 for each percent of fat and air inside.

    Args:
        voxels: (X, Y, Z) HU.
        mask: (X, Y, Z) bool, not empty.

    Returns:
        dict[str, float]: By name, ``'as given'`` first. Moves that leave less than half of the
        label inside the volume are left out.
    """
    inside, around = _points(mask)
    last = np.array(voxels.shape) - 1
    scores = {GIVEN: _score(voxels, inside, around)}
    for flips in product((False, True), repeat=3):
        if any(flips):
            axes = ' and '.join(axis for axis, flip in zip('xyz', flips, strict=True) if flip)
            moved = [np.where(flips, last - points, points) for points in (inside, around)]
            scores[f'flipped in {axes}'] = _score(voxels, *moved)
    for shift in SHIFTS:
        moved = [points + (0, 0, shift) for points in (inside, around)]
        kept = [points[(points[:, 2] >= 0) & (points[:, 2] <= last[2])] for points in moved]
        if 2 * len(kept[0]) >= len(inside):
            scores[f'moved by {shift:+d} slices'] = _score(voxels, *kept)
    return scores


def best_alternative(scores: dict[str, float]) -> tuple[str, float]:
    """The alternative that scores highest, and by how much the given alignment beats it (HU)."""
    name = max((name for name in scores if name != GIVEN), key=scores.get)
    return name, scores[GIVEN] - scores[name]


def draw_contact_sheet(
    slices: list[tuple[str, int, tuple[Path, Path]]], classes: Sequence[str] = ('object',)
) -> bytes:
    """Draw slices with their labels outlined, for people to look at.

    OpenCV does it: the package of our other pictures loads torch and OpenMMLab.

    Args:
        slices: Case, number of the slice, and files of image and label of each; at least one.
        classes: Names of the labels from 1 on; of several each has a colour, which a line explains.

    Returns:
        bytes: A PNG without metadata, the same for the same data.
    """
    colors = [_bgr(color) for color in (class_colors(classes) if len(classes) > 1 else [GT])]
    tiles = [_tile(*one, colors) for one in slices]
    columns = min(PICTURES, len(tiles))
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    if len(classes) > 1:
        rows = [*_legend(classes, colors, rows[0].shape[1]), *rows]
    return encode_png(np.vstack(rows))


def _bgr(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))[::-1]


def _legend(classes: Sequence[str], colors: list[tuple], width: int) -> list[np.ndarray]:
    """Names of the classes in their colours, as many lines as they need."""
    lines, x = [], width
    for name, color in zip(classes, colors, strict=True):
        long = cv2.getTextSize(name, *FONT)[0][0]
        if x + long > width:
            lines.append(np.full((HEAD, width, 3), PAPER, np.uint8))
            x = 2
        cv2.putText(lines[-1], name, (x, HEAD - 5), FONT[0], FONT[1], color, 1, cv2.LINE_AA)
        x += long + HEAD
    return lines


def _tile(
    case: str, number: int, files: tuple[Path, Path], colors: list[tuple[int, ...]]
) -> np.ndarray:
    # Prepared volumes have the spine at the top; radiologists have the front there.
    image, label = (read_slice(path, number)[::-1] for path in files)
    low, high = WINDOW
    grey = (255 * (image.astype(np.float32) - low) / (high - low)).clip(0, 255).astype(np.uint8)
    # The whole slice in a square, as large as it fits.
    scale = SIDE / max(grey.shape)
    size = [max(round(n * scale), 1) for n in grey.shape[::-1]]
    picture = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    labels = resize_labels(label.astype(np.uint8), size)
    for value, color in enumerate(colors, start=1):
        mask = (labels == value).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, color, 1)

    tile = np.full((SIDE + HEAD + GAP, SIDE + GAP, 3), PAPER, np.uint8)
    tile[HEAD : HEAD + size[1], : size[0]] = picture
    title = f'{case}, slice {number}'
    cv2.putText(tile, title, (2, HEAD - 5), FONT[0], FONT[1], INK, 1, cv2.LINE_AA)
    return tile


def _points(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n, 3) of voxels of a mask, and of voxels around it within the slices."""
    x, y, z = ndimage.find_objects(mask.view(np.uint8))[0]
    x, y = (slice(max(side.start - RING, 0), side.stop + RING) for side in (x, y))
    part = np.ascontiguousarray(mask[x, y, z].T, np.uint8)  # slice by slice: (z, y, x)
    ring = np.stack([cv2.dilate(one, _DIAMOND) for one in part]) - part
    origin = [x.start, y.start, z.start]
    return tuple(_sample(voxels.T) + origin for voxels in (part, ring))


def _sample(mask: np.ndarray) -> np.ndarray:
    """Indices of at most ``SAMPLE`` voxels of a mask, evenly: a mean needs no more."""
    found = np.flatnonzero(mask)
    found = found[:: max(-(-len(found) // SAMPLE), 1)]
    return np.stack(np.unravel_index(found, mask.shape), axis=1)


def _score(voxels: np.ndarray, inside: np.ndarray, around: np.ndarray) -> float:
    inner, outer = (voxels[tuple(points.T)].astype(np.int32) for points in (inside, around))
    organ = np.median(inner)
    spread, contrast = (np.abs(part - organ).clip(max=CAP).mean() for part in (inner, outer))
    return float(contrast - spread - 100 * (inner < FAT_BELOW).mean())
