"""What studies are called in an output folder: each keeps its name, whatever is found beside it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ..utils.files import locked, read_json, remove_partials, whole_name, write_atomic
from ..volumes import Pictures, Series
from .study import Study

#: What may be written of a study, and how the names of its files end.
KINDS = {
    'mask': ('.nii.gz',),
    'dicom_seg': ('_seg.dcm',),
    'dicom_labelmap': ('_labelmap.dcm',),
    'probability': ('_probability.nii.gz',),
    'preview': ('.png', '.html'),
}
RECORD = '.json'
_ENDINGS = {RECORD}.union(*KINDS.values())
#: Names that were given to scans, which need not have a record yet.
_STARTED = '.started.json'
#: Of pictures, each has a mask.
_SLICES = re.compile(r'_(mask|probability)(_\d+)?$')
_NUMBERED = re.compile(r'study_(\d+)')


@contextmanager
def lock_outputs(out: Path) -> Iterator[None]:
    """Alone in an output folder: nobody else gives names or writes there meanwhile."""
    with locked(out / '.lock'):
        yield


def started(out: Path) -> dict[str, str]:
    """Names that a run has given and not finished with, as when it was killed; of which scans."""
    given = read_json(out / _STARTED)
    return {name: scan for name, scan in given.items() if isinstance(scan, str)}


def name_studies(studies: Sequence[Study], out: Path) -> list[Study]:
    """Give studies their names in an output folder.

    Those with a record there keep their name, by their identity. New ones are called by their
    own number if they have one and nothing there is called so, or are numbered after the last. The
    names are taken until :func:`give_back`, so that another command gives others.

    Args:
        studies: As they were found.
        out: Output folder; made if it is not there.

    Returns:
        list[Study]: The same, in the same order; no two have one name.

    Raises:
        OSError: If the folder cannot be written to.
    """
    with lock_outputs(out):
        whole = (whole_name(path.name) for path in out.iterdir())
        # Of ours alone: the folder of another command may be growing beside.
        if left := [name for name in whole if name and name.endswith(tuple(_ENDINGS))]:
            remove_partials(out, *left)
        claims, (recorded, taken) = started(out), _look(out)
        known = defaultdict(list)
        for name, scan in sorted((claims | recorded).items()):
            known[scan].append(name)
            taken.add(name.casefold())
        last = max((int(m[1]) for m in map(_NUMBERED.fullmatch, taken) if m), default=0)
        named = []
        for study in studies:
            scan = _identity(study)
            if known[scan]:
                name = known[scan].pop(0)
            elif not _NUMBERED.fullmatch(study.name) and study.name.casefold() not in taken:
                name = study.name
            else:
                last += 1
                name = f'study_{last:03d}'
            taken.add(name.casefold())
            if scan and name not in recorded:
                claims[name] = scan
            named.append(replace(study, name=name))
        _write_started(out, claims)
    return named


@contextmanager
def begun(study: Study, scan: str, out: Path) -> Iterator[None]:
    """While a study is written: if it never ends, the next run knows whose the files are.

    Args:
        study: With its name in ``out``.
        scan: Its identity.
        out: Output folder, which must be locked.
    """
    claims = started(out)
    if claims.get(study.name) != scan:
        _write_started(out, claims | {study.name: scan})
    yield
    claims.pop(study.name, None)
    _write_started(out, claims)


def give_back(studies: Sequence[Study], out: Path) -> None:
    """Give back the names of studies that are done with; who has a record there keeps its own."""
    with suppress(OSError), lock_outputs(out):
        done = {study.name for study in studies}
        claims = {name: scan for name, scan in started(out).items() if name not in done}
        _write_started(out, claims)
    with suppress(OSError):  # it holds something
        out.rmdir()


def write_list(
    path: Path, named: Iterable[tuple[str, Path | Series | Pictures]], head: str = 'study'
) -> None:
    """Write which name is which source, as CSV: for who has the patients' data only."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow((head, 'path', 'series'))
    for name, source in named:
        if isinstance(source, Series):
            folders = sorted({header.path.parent.absolute() for header in source.headers})
            table.writerows((name, folder, source.headers[0].series) for folder in folders)
        else:
            files = source.paths if isinstance(source, Pictures) else [source]
            table.writerows((name, file.absolute(), '') for file in files)
    write_atomic(path, os.fsencode(text.getvalue()))


def outputs_in(out: Path) -> set[Path]:
    """What records in a folder name as their files: studies may be looked for there, too."""
    named = (read_json(record).get('files') for record in out.glob(f'[!.]*{RECORD}'))
    return {(out / str(n)).resolve() for names in named if isinstance(names, list) for n in names}


def _look(out: Path) -> tuple[dict[str, str], set[str]]:
    """Scans that have a record, by name, and all names that files there have, in lower case."""
    recorded, taken = {}, set()
    for path in sorted(out.glob('[!.]*')):
        for ending in (ending for ending in _ENDINGS if path.name.endswith(ending)):
            name = path.name.removesuffix(ending)
            name = _SLICES.sub('', name) if ending == '.png' else name
            taken.add(name.casefold())
            record = read_json(path) if ending == RECORD else {}
            if record.get('study') == name and isinstance(record.get('scan'), str):
                recorded[name] = record['scan']
    return recorded, taken


def _identity(study: Study) -> str:
    try:
        return study.identity()
    except OSError:  # it will be refused, by its name
        return ''


def _write_started(out: Path, claims: dict[str, str]) -> None:
    if claims:
        write_atomic(out / _STARTED, (json.dumps(claims) + '\n').encode())
    else:
        (out / _STARTED).unlink(missing_ok=True)
