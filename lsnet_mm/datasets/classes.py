"""Classes of a dataset: those in its label files, and those that are asked for."""

import colorsys
from collections.abc import Sequence


def check_classes(wanted: Sequence[str], known: Sequence[str]) -> None:
    """Refuse classes that the label files do not have, or that leave nothing to segment."""
    twice = len(set(wanted)) < len(wanted)
    if len(wanted) < 2 or wanted[0] != 'background' or twice or not set(wanted) <= set(known):
        raise ValueError(
            f"classes must be 'background' and then some of {tuple(known[1:])}, each once, "
            f'got {tuple(wanted)}.'
        )


def label_map(wanted: Sequence[str], known: Sequence[str]) -> dict[int, int]:
    """From values in the files to positions in ``wanted``; what is not wanted is background.

    mmseg would have it ignored. But an organ that nobody asked for is background, and a net that
    takes it for another must lose by it.
    """
    place = {name: k for k, name in enumerate(wanted)}
    return {value: place.get(name, 0) for value, name in enumerate(known)}


def palette(wanted: Sequence[str], known: Sequence[str]) -> list[list[int]]:
    """RGB of each wanted class: black, then evenly spaced hues from the pancreas's red on."""
    hues = {name: k / (len(known) - 1) for k, name in enumerate(known[1:])}
    colours = [colorsys.hsv_to_rgb(hues[name], 0.74, 0.9) for name in wanted[1:]]
    return [[0, 0, 0]] + [[round(255 * part) for part in colour] for colour in colours]
