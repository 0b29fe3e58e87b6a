"""Pictures of a study: a page to scroll through, in one file that loads nothing, and a PNG."""

import base64
import zlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from PIL import Image

from ..utils.colors import BOX, class_colors
from .draw import HEAT, draw_boxes, draw_mask, new_figure, show_image, to_png
from .page import encode_image, fill_template

# HU travel as 8-bit JPEG: fine where soft tissue is (2.3 HU a level), coarse in air and bone, so
# that the browser can window from lung to bone. With this quality a pixel of soft tissue is 7 HU
# off (rms in portal venous CT), less than its noise, and a slice of 512x512 takes 40 kB. In 8 bits
# without loss it would be 105 kB, in 16 bits 240.
CURVE = ((-1024, -160, 240, 1500), (0, 44, 220, 255))  # HU, and their levels
QUALITY = 90  # of JPEG
LARGEST = 512  # longer side of a grey picture, in pixels
PIXELS = 200_000_000  # of all grey pictures: what a browser holds to cut other planes from
#: Lowest and highest HU where none is given.
WINDOW = (-100.0, 240.0)
#: Level and width in HU.
WINDOWS = {
    'Soft tissue': (40, 400),
    'Pancreas': (50, 250),
    'Liver': (90, 150),
    'Lung': (-600, 1500),
    'Bone': (400, 1800),
}
HEAT_LARGEST, HEAT_LEVELS = 128, 32  # a heatmap is smooth: this is all that it shows
COUNT, COLUMNS = 24, 6  # slices of the PNG, and in a row of it


def study_page(
    volume: np.ndarray,
    mask: np.ndarray,
    boxes: Sequence[np.ndarray],
    spacing: tuple[float, float, float],
    heatmaps: np.ndarray | None = None,
    title: str = 'study',
    classes: Sequence[str] = ('pancreas',),
    thickness: np.ndarray | None = None,
    window: tuple[float, float] = WINDOW,
    about: Mapping[str, object] | None = None,
) -> bytes:
    """A page with three planes, mask, boxes and heatmap, and the area and volume of the mask.

    Its letters take the front for the top row, the patient's right for the first column, and the
    head for the first slice.

    The page holds what is passed in and nothing else: no path, no date, no request.

    Args:
        volume: (slices, rows, columns) HU; shown at no more than 512 pixels a side, fewer where
            there are more than 762 slices, and between -1024 and 1500 HU.
        mask: (slices, rows, columns) uint8; label k is ``classes[k - 1]``, 0 the background.
        boxes: One (n, 4) array a slice, continuous pixel edges ``x1, y1, x2, y2``.
        spacing: Between rows, columns and slices, in mm.
        heatmaps: (slices, h, w) in [0, 1], each covering its whole slice; None leaves them out.
        title: Headline of the page.
        classes: Names of the labels from 1 on.
        thickness: (slices,) mm that each slice stands for; None: the spacing of slices.
        window: Lowest and highest HU that the net saw, which the page shows at first.
        about: ``model`` and ``version`` (texts), ``cautions`` (sentences), ``confidence`` (a dict
            of ``flagged``, ``reasons``, ``calibration``, or None) and ``notes`` (ends of sentences
            about the scan); any may be left out.

    Returns:
        bytes: HTML in UTF-8.

    Raises:
        ValueError: If shapes, types, labels, spacing or window do not fit together.
    """
    _check_study(volume, mask, boxes, window)
    if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(f'spacing must be (row, column, slice) in mm, got {spacing}')
    if mask.max() > len(classes):
        raise ValueError(f'mask has label {mask.max()}, but classes are only {list(classes)}')
    if heatmaps is not None and (heatmaps.ndim != 3 or len(heatmaps) != len(mask)):
        raise ValueError(f'heatmaps must be ({len(mask)}, h, w), got {heatmaps.shape}')
    pixels = np.array([(mask == k).sum((1, 2)) for k in range(1, len(classes) + 1)])
    areas = pixels * spacing[0] * spacing[1]
    thickness = np.full(len(mask), float(spacing[2])) if thickness is None else thickness
    # The fullest slice comes up first; without any mask, the middle one.
    start = int(pixels.sum(0).argmax()) if pixels.any() else len(volume) // 2
    y, x = np.nonzero(mask[start]) if pixels.any() else np.indices(mask[start].shape)
    largest = min(LARGEST, int((PIXELS / len(volume)) ** 0.5))
    low, high = window
    data = {
        'title': title,
        'shape': volume.shape[1:],
        'pixels': _shrink(mask[0], largest).shape,
        'spacing': [float(s) for s in spacing],
        'thickness': [round(float(mm), 4) for mm in thickness],
        'classes': list(classes),
        'colors': class_colors(classes),
        'box_color': BOX,
        'start': start,
        'at': [int(x.mean()), int(y.mean())],
        'volumes': (areas @ thickness / 1000).tolist(),
        'areas': areas.round(2).tolist(),
        'boxes': [np.asarray(b, float).reshape(-1, 4).round(2).tolist() for b in boxes],
        'windows': {'As the net saw it': ((low + high) / 2, high - low), **WINDOWS},
        'hu': np.interp(range(256), CURVE[1], CURVE[0]).round(1).tolist(),  # of each level
        'grey': [_grey(image, largest) for image in volume],
        'labels': _pack_labels(mask),
        'heat': [None] * len(volume) if heatmaps is None else [_heat(h) for h in heatmaps],
        'about': dict(about or {}),
    }
    return fill_template('study.html', data)


def study_montage(
    volume: np.ndarray,
    mask: np.ndarray,
    boxes: Sequence[np.ndarray],
    window: tuple[float, float] = WINDOW,
) -> bytes:
    """At most 24 slices, spread evenly over those with a mask and one on either side of them.

    Masks are outlined. Without any mask the slices are spread over the whole volume.

    Args:
        volume, mask, boxes, window: As in :func:`study_page`; any label is drawn.

    Returns:
        bytes: A PNG without metadata, the same for the same data.

    Raises:
        ValueError: If the arrays do not fit together.
    """
    _check_study(volume, mask, boxes, window)
    low, high = window
    slices = pick_slices(mask, COUNT)
    columns = min(COLUMNS, len(slices))
    rows = -(-len(slices) // columns)
    figure = new_figure(2.6 * columns, 2.8 * rows, 100)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for k, axes in zip(slices, grid, strict=False):
        grey = np.clip((volume[k] - low) * (255 / (high - low)), 0, 255)
        show_image(axes, np.rint(grey).astype(np.uint8))
        axes.set_title(f'slice {k}', fontsize=9, loc='left', pad=3)
        for label, color in enumerate(class_colors(range(mask.max())), start=1):
            draw_mask(axes, mask[k] == label, color)
        draw_boxes(axes, boxes[k], BOX)
        for x, side in ((0.03, 'R'), (0.97, 'L')):  # of the patient
            axes.text(
                x, 0.5, side, transform=axes.transAxes, color='white', fontsize=8, ha='center'
            )
    for axes in grid:  # the rest of the last row
        axes.set_axis_off()
    return to_png(figure)


def pick_slices(mask: np.ndarray, count: int) -> list[int]:
    """At most ``count`` slices of a (slices, rows, columns) mask to look at, in their order."""
    marked = np.flatnonzero(mask.any((1, 2)))
    if marked.size:
        ends = [marked[0] - 1, marked[-1] + 1]
        slices = np.array([k for k in [ends[0], *marked, ends[1]] if 0 <= k < len(mask)])
    else:
        slices = np.arange(len(mask))
    if len(slices) > count:
        slices = slices[np.linspace(0, len(slices) - 1, count).round().astype(int)]
    return slices.tolist()


def _check_study(
    volume: np.ndarray,
    mask: np.ndarray,
    boxes: Sequence[np.ndarray],
    window: tuple[float, float],
) -> None:
    if volume.ndim != 3 or not volume.size or volume.dtype.kind not in 'iuf':
        raise ValueError(
            f'volume must be HU (slices, rows, columns), got {volume.dtype} {volume.shape}'
        )
    if mask.shape != volume.shape or mask.dtype != np.uint8:
        raise ValueError(
            f'mask must be uint8 {volume.shape} as the volume, got {mask.dtype} {mask.shape}'
        )
    if len(boxes) != len(volume):
        raise ValueError(f'boxes must be one array a slice, got {len(boxes)} for {len(volume)}')
    if not window[0] < window[1]:
        raise ValueError(f'window must be lowest and highest HU, got {window}')


def _shrink(image: np.ndarray, largest: int) -> np.ndarray:
    scale = min(largest / max(image.shape), 1)
    size = [max(round(n * scale), 1) for n in image.shape[::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _grey(hu: np.ndarray, largest: int) -> str:
    levels = np.interp(_shrink(hu.astype(np.float32), largest), *CURVE)
    picture = Image.fromarray(np.rint(levels).astype(np.uint8))
    return encode_image(picture, 'jpeg', quality=QUALITY)


def _pack_labels(mask: np.ndarray) -> dict | None:
    """The part of a mask that is not empty, slices first, without loss; None of an empty one."""
    places = [np.flatnonzero(mask.any(others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not places[0].size:
        return None
    part = mask[tuple(slice(place[0], place[-1] + 1) for place in places)]
    packer = zlib.compressobj(9)
    packed = b''.join(packer.compress(one.tobytes()) for one in part) + packer.flush()
    return {
        'from': [int(place[0]) for place in places],
        'shape': part.shape,
        'zlib': base64.b64encode(packed).decode(),
    }


def _heat(heatmap: np.ndarray) -> str | None:
    """A heatmap in the colours of the panel, in few levels; None where it is silent."""
    small = _shrink(np.asarray(heatmap, np.float32), HEAT_LARGEST)
    levels = np.rint(np.clip(np.nan_to_num(small), 0, 1) * (HEAT_LEVELS - 1)).astype(np.uint8)
    return _indexed(levels, HEAT(np.linspace(0, 1, HEAT_LEVELS))) if levels.any() else None


def _indexed(levels: np.ndarray, colors: Sequence[Sequence[float]]) -> str:
    """A PNG of (h, w) numbers of colours, which are RGBA in [0, 1]."""
    palette = np.rint(np.array(colors) * 255).astype(np.uint8)
    picture = Image.fromarray(levels).convert('P')
    picture.putpalette(palette[:, :3].tobytes())
    return encode_image(picture, 'png', transparency=palette[:, 3].tobytes())
