"""The series of studies as a table: which one is segmented, and why the others are not."""

import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..utils.cli import print_any_name
from ..utils.files import why
from ..volumes import Candidate, Traits, read_traits
from .names import write_list
from .study import find_studies

_RENAMED = 'To write which study is which file, use --names FILE.'
_COLUMNS = ('visit', 'series', 'modality', 'type', 'slices', 'apart', 'thickness', 'kernel')
_COLUMNS += ('contrast', 'segmented?')


def list_series(
    paths: Sequence[Path], series: Sequence[int] | None = None, names: Path | None = None
) -> int:
    """Print a table of all visits, without patients, dates, UIDs or any text of the headers.

    Args:
        paths: Folders and files.
        series: Numbers that were asked for; see :func:`find_studies`.
        names: Where to write which of the places that are printed is which folder and series, if
            there is any.

    Returns:
        int: 0, or if something cannot be used 1, 2 if nothing can.
    """
    found = find_studies(paths, series)
    print_any_name()
    console = Console(width=None if sys.stdout.isatty() else 160, markup=False)
    lines, unusable = [], 0
    for place, visit in found.visits:
        for one in visit:
            traits = one.traits or read_traits(one.series)
            unusable += one.chosen and traits.problem is not None
            lines.append((place if one is visit[0] else '', *_row(one, traits)))
    # What no header says would only make the rest narrow.
    said = [k for k in range(len(_COLUMNS)) if any(line[k] for line in lines)]
    table = Table(*(_COLUMNS[k] for k in said))
    for line, following in zip_longest(lines, lines[1:]):
        table.add_row(*(line[k] for k in said), end_section=following is None or following[0] != '')
    if lines:
        console.print(table)
    series = [
        (f'{place}, series {one.number}', one.series)
        for place, visit in found.visits
        for one in visit
    ]
    listed = {id(one) for _, one in series}
    others = [study for study in found.studies if id(study.source) not in listed]
    for study in others:
        kind = 'a NIfTI file' if study.nifti else 'pictures' if study.pictures else 'a DICOM file'
        print(f'{study.place}: {kind}, which is one study')
    for message in found.refused:
        print(message, file=sys.stderr)
    if names and (places := [*series, *((study.place, study.source) for study in others)]):
        try:
            write_list(names, places, 'place')
        except OSError as error:
            print(f'{names}: {why(error)}. Name another file.', file=sys.stderr)
            return 2
    renamed = not all(map(Path.exists, paths)) or any(path.suffix == '.csv' for path in paths)
    if renamed and not names:
        print(_RENAMED, file=sys.stderr)
    if not (found.refused or unusable):
        return 0
    return 1 if len(found.studies) > unusable else 2


def _row(one: Candidate, traits: Traits) -> list[str]:
    kind = f'{traits.plane} {traits.made}'.strip() if traits.kind == 'CT slice' else traits.kind
    why = f'{"yes" if one.chosen else "no"}: {one.reason}'
    if one.chosen and traits.problem:
        why = f'no: {traits.problem.reason} ({one.reason})'
    sizes = ('' if size is None else f'{size:.4g} mm' for size in (traits.apart, traits.thickness))
    own = (str(one.number), traits.modality or '?', kind or 'CT slice', str(traits.slices), *sizes)
    return [*own, traits.kernel, _contrast(traits), why]


def _contrast(traits: Traits) -> str:
    return traits.phase or {True: 'yes', False: 'no', None: ''}[traits.contrast]
