"""Two systems on the same slices: unit by unit, how far one is above the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .functional import Row, _split, _units, scores

_PROTOCOLS = ('slice_fg', 'case')


class PairedUnits(NamedTuple):
    """What a protocol averages over, slices or cases, for two systems; each array is (units,).

    Attributes:
        label: The class; ``'None'`` where the rows name none.
        case: The patient.
        area: Of the ground truth, in pixels.
        difference: DSC of the first system minus that of the second, in points.
    """

    label: np.ndarray
    case: np.ndarray
    area: np.ndarray
    difference: np.ndarray


def paired_units(
    a: Sequence[Sequence[Row]], b: Sequence[Sequence[Row]], protocol: str
) -> PairedUnits:
    """Match the units of two systems; each system scores a unit by the mean over its seeds.

    Args:
        a: One run a seed, each the rows of its slices in any order.
        b: The other system's runs, over the same slices; as many seeds or not.
        protocol: ``slice_fg`` or ``case``.

    Raises:
        ValueError: If a run or a system has nothing to score, if the runs differ in their slices
            or in the areas of these, or if the protocol is unknown.
    """
    if protocol not in _PROTOCOLS:
        raise ValueError(f'unknown protocol {protocol!r}, choose from {list(_PROTOCOLS)}')
    _check_same_slices(a, b)
    tables = [[_table(rows, protocol) for rows in runs] for runs in (a, b)]
    label, case, area, _ = (np.array(column) for column in zip(*tables[0][0], strict=True))
    ours, theirs = (np.mean([[u[-1] for u in t] for t in system], axis=0) for system in tables)
    return PairedUnits(label, case, area, ours - theirs)


def _table(rows: Sequence[Row], protocol: str) -> list[tuple[str, str, int, float]]:
    """The units in an order that depends on the slices alone, not on the order of the rows."""
    rows = sorted(rows, key=lambda r: (str(r.get('class')), r['case'], r['slice']))
    return [
        (str(part[0].get('class')), part[0]['case'], tp + fn, scores(tp, fp, fn)['dsc'])
        for group in _split(rows, 'class')
        for part in _split(group, 'case')
        for tp, fp, fn in _units(part, protocol, '')
    ]


def _check_same_slices(a: Sequence[Sequence[Row]], b: Sequence[Sequence[Row]]) -> None:
    runs = {f'{name}[{i}]': rows for name, of in (('a', a), ('b', b)) for i, rows in enumerate(of)}
    if not a or not b:
        raise ValueError(f'both systems need a run, got {len(a)} of a and {len(b)} of b')
    areas = {name: _areas(name, rows) for name, rows in runs.items()}
    for name, own in areas.items():
        first = areas['a[0]']
        if alone := own.keys() ^ first.keys():
            raise ValueError(
                f'runs must have the same slices, a[0] and {name} differ in {len(alone)} '
                f'(case, slice, class): {_some(alone)}'
            )
        if other := [key for key in first if own[key] != first[key]]:
            raise ValueError(
                f'runs must have the same ground truth, a[0] and {name} differ in the area of '
                f'{len(other)} (case, slice, class): {_some(other)}'
            )
    if not any(areas['a[0]'].values()):
        raise ValueError('no slice has foreground')


def _areas(name: str, rows: Sequence[Row]) -> dict[tuple, int]:
    if not rows:
        raise ValueError(f'{name} has no rows')
    areas = {}
    for row in rows:
        key = row['case'], row['slice'], row.get('class')
        if key in areas:
            raise ValueError(f'{name} has (case, slice, class) {key} twice')
        areas[key] = row['area']
    return areas


def _some(keys, count: int = 3) -> str:
    keys = sorted(keys, key=str)
    return ', '.join(map(str, keys[:count])) + (', ...' if len(keys) > count else '')
