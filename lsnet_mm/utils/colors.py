"""Colours of all pictures: Okabe and Ito's, which colour-blind readers can tell apart."""

from collections.abc import Sequence
from itertools import cycle, islice

#: Of ground truth, prediction and box.
GT, PRED, BOX = '#00C896', '#E8590C', '#F0E442'
_CLASSES = (PRED, '#56B4E9', '#00C896', '#CC79A7', '#E69F00', '#0072B2')


def class_colors(classes: Sequence[str]) -> list[str]:
    """A colour for each class but the background; after the last it is the first one's again."""
    return list(islice(cycle(_CLASSES), len(classes)))


def class_palette(classes: Sequence[str]) -> list[list[int]]:
    """The same as MMSegmentation's palette, RGB, after black for the background."""
    return [[0, 0, 0], *(list(bytes.fromhex(color[1:])) for color in class_colors(classes))]
