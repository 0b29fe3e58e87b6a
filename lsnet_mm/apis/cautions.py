"""What of a study is unlike the data that a model was trained on."""

from collections.abc import Iterator

import numpy as np

from ..volumes import ORIENTATION, Volume
from ..volumes.look import air_share, slice_look

#: Of a checkpoint of before they told.
UNKNOWN = 'the checkpoint does not say what it was trained on: no study can be compared with that'
#: Of a model of pictures whose HU are not known, on a scan.
GUESSED_WINDOW = (
    'nothing says which HU were black and white in the pictures that the model was trained on, and '
    'it is given 0 to 255 HU; state them by --window LOW HIGH, in Python window=(LOW, HIGH)'
)
#: So many slices are looked at. One in three has to look like the training's: a scan from the chest
#: to the pelvis has as many.
LOOKED_AT, ALIKE = 48, 1 / 3
#: How far sizes in mm may be from the training's smallest and largest: patients and protocols of
#: one kind differ by less, a child and a zoomed reconstruction included.
PIXEL, THICKNESS = 1.6, 3.0
#: What stands for them where the training's slices came without: of a body of any age, pixels,
#: field of view and distance of slices. A rule, not measured.
USUAL = ((0.3, 1.5), (180, 700), (0.2, 10))


def list_cautions(card: dict | None, window: tuple[float, float], volume: Volume) -> list[str]:
    """Compare a volume with a training.

    Nothing is said of the contrast phase: it shows where the organs are, which is what is asked.

    Args:
        card: From :func:`~lsnet_mm.datasets.training_card.training_card`; None of a checkpoint
            without one.
        window: HU of 0 and 255 in what the net is given.
        volume: In HU.

    Returns:
        list[str]: A sentence each without its stop; none where nothing is known.
    """
    cut = _of_picture(volume.picture, window) if volume.picture else ()
    if card is None:
        return [*cut]
    slices = volume.oriented(ORIENTATION)
    trained = card['window'] or window
    return [
        *cut,
        *_of_data(card, volume.phantom),
        *_of_window(trained, window),
        *(() if volume.picture else _of_sizes(card, slices)),
        *_of_body(card['look'], tuple(trained), slices),
    ]


def _of_picture(own: tuple[float, float], window: tuple[float, float]) -> Iterator[str]:
    """Whether a picture has cut off greys that the net knows."""
    if own[0] > window[0] or own[1] < window[1]:
        yield (
            f'the picture shows {_range(own)} HU, and the net sees {_range(window)} HU: what lies '
            'outside is lost'
        )


def _of_data(card: dict, phantom: bool) -> Iterator[str]:
    if card['synthetic'] and not phantom:
        yield 'the model was trained on synthetic phantoms, not on patients'
    if phantom and card['synthetic'] is False:
        yield 'this is a synthetic phantom, and the model was trained on patients'


def _of_window(trained: tuple[float, float], window: tuple[float, float]) -> Iterator[str]:
    """Ends that are apart by more than a twentieth of the width: -100 and -125 are two windows."""
    apart = np.abs(np.subtract(trained, window)).max()
    if apart > 0.05 * (trained[1] - trained[0]):
        yield (
            f'the model was trained with a window of {_range(trained)} HU, and is given '
            f'{_range(window)} HU'
        )


def _of_sizes(card: dict, slices: Volume) -> Iterator[str]:
    """Of rows nothing: what differs from columns is the body, which is looked at."""
    width, _, thickness = slices.spacing
    columns, _, count = slices.voxels.shape
    known = [
        ('its pixels are', card['spacing'], 'columns', width, PIXEL),
        ('its field of view is', card['field_of_view'], 'columns', columns * width, PIXEL),
    ]
    if count > 1:
        known.append(('its slices lie', card['spacing'], 'slices', thickness, THICKNESS))
    for (what, ranges, axis, size, factor), usual in zip(known, USUAL, strict=False):
        least, *_, most = ranges[axis] if ranges else usual
        if not ranges:
            factor = 1
        if not least / factor <= size <= most * factor:
            apart = ' apart' if axis == 'slices' else ''
            of = 'in the training' if ranges else 'in scans of a body'
            yield f'{what} {size:.3g} mm{apart}, and {of} {_range((least, most))} mm'


def _of_body(trained: dict, window: tuple[float, float], slices: Volume) -> Iterator[str]:
    """Whether most slices show another part of the body, or none."""
    if not trained['body']:
        return
    low, high = window
    columns, rows, _ = slices.spacing
    count, reasons = slices.voxels.shape[2], []
    chosen = sorted({int(k) for k in np.linspace(0, count - 1, min(count, LOOKED_AT))})
    for k in chosen:
        hu = slices.voxels[..., k].T
        grey = np.clip((hu.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
        look = slice_look(grey)
        if look:
            look['air'] = air_share(hu)
        if look and not slices.picture:
            look['width'] = (look['body'] * rows * columns * hu.size) ** 0.5
        reasons.append(_unlike(trained, look))
    unlike = [reason for reason in reasons if reason]
    if len(unlike) > (1 - ALIKE) * len(chosen):
        usual = max(dict.fromkeys(unlike), key=unlike.count)
        yield (
            f'it does not look like the part of the body in the training: {usual} '
            f'({unlike.count(usual)} of {len(chosen)} slices looked at)'
        )


def _unlike(trained: dict, look: dict | None) -> str | None:
    """How a slice differs from all kinds that the training had, if it does.

    - No body: the table alone, or air.
    - Air: more than there was of all that is dark, fat included, in the middle slice of the
      training by a quarter, and a fifth of the body at least. Bowel gas is a tenth or less, lungs
      are a third or more.
    - Bone: twice what nearly all slices of the training had. Of an abdomen that is a tenth of the
      body, of a head a seventh and more.
    - Two parts of nearly one size: legs. An arm beside the body is an eighth of it.
    - Its size: two thirds of the smallest bodies, or half as large again as the largest, in mm.
    """
    if look is None:
        return 'no body is seen'
    low, middle, high = (
        {key: values[k] for key, values in trained.items() if values} for k in (1, 2, 3)
    )
    if look['air'] > max(0.2, 1.25 * middle['dark']):
        return 'much air inside the body, as in a chest'
    if look['bright'] > max(0.1, 2 * high['bright']):
        return 'much bone or contrast, as in a head or an angiography'
    if look['apart'] > max(0.6, 1.5 * high.get('apart', 0)):
        return 'two parts of nearly one size, as legs'
    if 'width' not in low or 'width' not in look:
        return None
    if look['width'] < 0.66 * low['width']:
        return 'a small body'
    return 'a large body' if look['width'] > 1.5 * high['width'] else None


def _range(ends: tuple[float, float]) -> str:
    return ' to '.join(f'{end:g}' for end in ends)
