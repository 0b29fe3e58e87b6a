"""One study as a page to scroll through, in one file that loads nothing."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from .draw import BOX, CLASSES, HEAT
from .page import encode_image, fill_template
from .study_check import check_measures, check_study
from .study_montage import study_montage

__all__ = ['study_montage', 'study_page']

LARGEST, QUALITY = 512, 75  # longer side of a grey picture in pixels, and JPEG's quality
HEAT_LARGEST, HEAT_LEVELS = 128, 32  # a heatmap is smooth: this is all that it shows


def study_page(
    volume: np.ndarray,
    mask: np.ndarray,
    boxes: Sequence[np.ndarray],
    spacing: tuple[float, float, float],
    heatmaps: np.ndarray | None = None,
    title: str = 'study',
    classes: Sequence[str] = ('pancreas',),
) -> bytes:
    """A page with the slices, their mask, boxes and heatmap, and the area and volume of the mask.

    The page holds what is passed in and nothing else: no path, no date, no request.

    Args:
        volume: (slices, rows, columns) uint8, grey; shown at no more than 512 pixels a side.
        mask: (slices, rows, columns) uint8; label k is ``classes[k - 1]``, 0 the background.
        boxes: One (n, 4) array a slice, continuous pixel edges ``x1, y1, x2, y2``.
        spacing: Between rows, columns and slices, in mm.
        heatmaps: (slices, h, w) in [0, 1], each covering its whole slice; None leaves them out.
        title: Headline of the page.
        classes: Names of the labels from 1 on.

    Returns:
        bytes: HTML in UTF-8.

    Raises:
        ValueError: If shapes, types, labels or spacing do not fit together.
    """
    check_study(volume, mask, boxes)
    check_measures(mask, spacing, heatmaps, classes)
    labels = range(1, len(classes) + 1)
    colors = [CLASSES[k % len(CLASSES)] for k in range(len(classes))]
    pixels = np.array([(mask == label).sum((1, 2)) for label in labels])
    areas = pixels * spacing[0] * spacing[1]
    # The fullest slice comes up first; without any mask, the middle one.
    start = int(pixels.sum(0).argmax()) if pixels.any() else len(volume) // 2
    data = {
        'title': title,
        'shape': volume.shape[1:],
        'spacing': [float(s) for s in spacing],
        'classes': list(classes),
        'colors': colors,
        'box_color': BOX,
        'start': start,
        'volumes': [float(v) for v in areas.sum(1) * spacing[2] / 1000],
        'areas': areas.round(2).tolist(),
        'boxes': [np.asarray(b, float).reshape(-1, 4).round(2).tolist() for b in boxes],
        'grey': [_grey(image) for image in volume],
        'masks': [_masks(image, labels, colors) for image in mask],
        'heat': [None if heatmaps is None else _heat(heatmaps[k]) for k in range(len(volume))],
    }
    return fill_template('study.html', data)


def _shrink(image: np.ndarray, largest: int) -> np.ndarray:
    scale = largest / max(image.shape)
    if scale >= 1:
        return image
    size = [max(round(n * scale), 1) for n in image.shape[::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _grey(image: np.ndarray) -> str:
    return encode_image(Image.fromarray(_shrink(image, LARGEST)), 'jpeg', quality=QUALITY)


def _masks(mask: np.ndarray, labels: Sequence[int], colors: Sequence[str]) -> list[dict]:
    """One picture a class that the slice has, cut to its extent: its colour on transparency."""
    out = []
    for label, color in zip(labels, colors, strict=True):
        rows, columns = np.nonzero(mask == label)
        if not rows.size:
            continue
        y, x = int(rows.min()), int(columns.min())
        part = mask[y : rows.max() + 1, x : columns.max() + 1] == label
        picture = Image.fromarray(part.astype(np.uint8)).convert('P')
        picture.putpalette([0, 0, 0, *bytes.fromhex(color[1:])])
        png = encode_image(picture, 'png', bits=1, transparency=b'\x00\xff')
        out.append({'x': x, 'y': y, 'png': png})
    return out


def _heat(heatmap: np.ndarray) -> str | None:
    """A heatmap in the colours of the panel, in few levels; None where it is silent."""
    small = _shrink(np.asarray(heatmap, np.float32), HEAT_LARGEST)
    levels = np.rint(np.clip(np.nan_to_num(small), 0, 1) * (HEAT_LEVELS - 1)).astype(np.uint8)
    if not levels.any():
        return None
    palette = (HEAT(np.linspace(0, 1, HEAT_LEVELS)) * 255).round().astype(np.uint8)
    picture = Image.fromarray(levels).convert('P')
    picture.putpalette(palette[:, :3].tobytes())
    return encode_image(picture, 'png', transparency=palette[:, 3].tobytes())
