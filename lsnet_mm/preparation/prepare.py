"""From a source to a data set that nnU-Net and we can read."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ..utils.files import partial_name
from ..volumes import Pool
from .case import Folds, Source
from .conversion import (
    IMAGES,
    LABELS,
    PROGRESS,
    convert_case,
    discard,
    write_bytes,
    write_json,
)
from .pancreas_ct import PancreasCTCase
from .report import draw_contact_sheet

REPORT, SHEET = 'preparation.json', 'contact_sheet.png'
OURS = {IMAGES, LABELS, PROGRESS, REPORT, SHEET, 'dataset.json', 'splits_final.json'}
#: What a run leaves that was killed while it wrote one of them.
PARTIAL = {partial_name(name) for name in OURS}
#: Last case of each block of Pancreas-CT in the coarse-to-fine literature. Dividing the 80 cases
#: anew would move case 41 to another fold.
PINNED_ENDS = (20, 41, 61, 82)
#: nnU-Net's number of folds, where no other is given; the literature of Pancreas-CT uses four.
NNUNET_FOLDS, PANCREAS_FOLDS = 5, 4


def prepare(
    source: Source,
    out: Path,
    pool: Pool,
    on_case: Callable[[dict], None] = lambda record: None,
) -> dict:
    """Prepare a data set in nnU-Net's layout, uncompressed. Started again, it goes on.

    Args:
        source: What was found.
        out: Folder of the prepared data set; made, with its parents.
        pool: What converts cases.
        on_case: Called with the record of each case when it is done.

    Returns:
        dict: The report, as in ``preparation.json``.

    Raises:
        FileExistsError: If ``out`` holds something else.
        OSError: If ``out`` cannot be written to.
    """
    earlier = _open_folder(out)
    records = {}
    calls = [(case, out, earlier.get(case.name)) for case in source.cases]
    for (case, *_), record in pool.unordered(convert_case, calls):
        if isinstance(record, BaseException):  # the process died, and could not say why
            discard(out, case.name)
            error = 'its process died. Run it again with fewer workers: memory may be short.'
            record = {'case': case.name, 'error': error}
        records[case.name] = record
        on_case(record)
    report = _report(source, [records[name] for name in sorted(records)])
    for name in earlier.keys() - _done(report):
        discard(out, name)
    _complete(source, out, report)
    return report


def _open_folder(out: Path) -> dict[str, dict]:
    """Make the folder and return the records of earlier runs, by case."""
    foreign = {path.name for path in out.iterdir()} - OURS - PARTIAL if out.is_dir() else set()
    if foreign or (out.is_dir() and any(out.iterdir()) and not _is_ours(out)):
        raise FileExistsError('it holds files that are not of a preparation. Name another folder.')
    for folder in (IMAGES, LABELS, PROGRESS):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name in PARTIAL:
        (out / name).unlink(missing_ok=True)
    records = _read(out / REPORT).get('cases', [])
    records += [_read(path) for path in sorted((out / PROGRESS).glob('*.json'))]
    return {record['case']: record for record in records if 'bytes' in record}


def _is_ours(out: Path) -> bool:
    return (out / PROGRESS).is_dir() or (out / REPORT).is_file()


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _done(report: dict) -> list[str]:
    return [record['case'] for record in report['cases'] if 'error' not in record]


def _report(source: Source, records: list[dict]) -> dict:
    return {'name': source.name, 'notes': list(source.notes), 'cases': records}


def _complete(source: Source, out: Path, report: dict) -> None:
    """Write what belongs to the whole set, ``dataset.json`` last: with it the set is complete."""
    done = _done(report)
    report['folds'], folds = _folds(source, done)
    if not done:
        for name in (SHEET, 'splits_final.json', 'dataset.json'):
            (out / name).unlink(missing_ok=True)
    elif _read(out / REPORT) != report or not (out / SHEET).is_file():
        records = [record for record in report['cases'] if record['case'] in done]
        write_bytes(out / SHEET, draw_contact_sheet(out, records))
    write_json(out / REPORT, report)
    if done:
        write_json(out / 'splits_final.json', folds)
        description = {
            'name': source.name,
            'channel_names': {'0': 'CT'},
            'labels': source.labels,
            'numTraining': len(done),
            'file_ending': '.nii',
        }
        write_json(out / 'dataset.json', description)
    shutil.rmtree(out / PROGRESS)


def _folds(source: Source, done: list[str]) -> tuple[str, Folds]:
    """Folds of the cases that could be prepared, and where they come from."""
    if source.given_folds:
        folds = [
            {part: [case for case in cases if case in done] for part, cases in fold.items()}
            for fold in source.given_folds
        ]
        return 'those of the source', folds
    if not all(isinstance(case, PancreasCTCase) for case in source.cases):
        return 'contiguous blocks', contiguous_folds(done, NNUNET_FOLDS)
    pinned = pinned_folds({case.number: case.name for case in source.cases if case.name in done})
    if pinned is not None:
        return 'pinned: 1-20, 21-41, 42-61, 62-82', pinned
    return 'contiguous blocks of an incomplete set', contiguous_folds(done, PANCREAS_FOLDS)


def pinned_folds(cases: dict[int, str]) -> Folds | None:
    """The four folds of Pancreas-CT: cases 1-20 | 21-41 | 42-61 | 62-82.

    Args:
        cases: Name of each case, by number.

    Returns:
        list | None: nnU-Net's ``splits_final.json``; None if a block has no case, or a number
        lies outside of them, so that this is another set.
    """
    numbers = sorted(cases)
    blocks = np.split(numbers, np.searchsorted(numbers, PINNED_ENDS, side='right'))
    *blocks, beyond = [[cases[number] for number in block] for block in blocks]
    return None if beyond or not all(blocks) else cross_validation(blocks)


def contiguous_folds(cases: Iterable[str], folds: int) -> Folds:
    """Blocks of the sorted cases, as nearly equal as they can be; no more folds than cases."""
    cases = sorted(cases)
    blocks = np.array_split(cases, max(min(folds, len(cases)), 1))
    return cross_validation([block.tolist() for block in blocks])


def cross_validation(blocks: list[list[str]]) -> Folds:
    """nnU-Net's ``splits_final.json``: each block is ``val`` once."""
    cases = sorted(case for block in blocks for case in block)
    return [{'train': [c for c in cases if c not in block], 'val': block} for block in blocks]
