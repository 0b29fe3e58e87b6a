"""From cases as they were found to a data set that nnU-Net and we can read, by command."""

import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ..utils.files import (
    fingerprint,
    locked,
    read_json,
    remove_partials,
    whole_name,
    why,
    write_atomic,
)
from ..utils.memory import keep_memory
from ..volumes import ORIENTATION, Pool, Volume, VolumeError, pack_nifti
from .labels import draw_contact_sheet

IMAGES, LABELS = 'imagesTr', 'labelsTr'
#: Records of finished cases lie here until the data set is complete.
PROGRESS = '.preparing'
REPORT, SHEET = 'preparation.json', 'contact_sheet.png'
FOLDS, DESCRIPTION = 'splits_final.json', 'dataset.json'
OURS = {IMAGES, LABELS, PROGRESS, REPORT, SHEET, FOLDS, DESCRIPTION}
LOCK = '.lock'
#: Counts up when the same input gives other output than before, so that old output is made again.
VERSION = '2'

Folds = list[dict[str, list[str]]]


@dataclass(frozen=True)
class Case:
    """One patient of a data set that is to be prepared; it may turn out to be unusable."""

    name: str  #: In the prepared data set, such as ``'PANCREAS_0001'``.
    files: tuple[Path, ...]  #: Everything that is read for it.
    #: Gives the image (int16 HU), the label (uint8) of the same geometry, and what was measured,
    #: for the report; raises a VolumeError if anything is wrong. Worker processes call it.
    load: Callable[[], tuple[Volume, Volume, dict]]


@dataclass(frozen=True)
class Source:
    """A data set as it was found, before anything of it is read in full."""

    name: str  #: Short name of the data, for ``dataset.json`` and result folders.
    labels: dict[str, int]  #: Value of each class, as nnU-Net has them.
    cases: tuple[Case, ...]  #: By name.
    #: From the sorted names of prepared cases to where their folds come from, and these.
    folds: Callable[[list[str]], tuple[str, Folds]]
    notes: tuple[str, ...] = ()  #: What was left aside, for the report.
    channel: str = 'CT'  #: Name of the image's only channel.
    synthetic: bool = False  #: Of no patient, for ``dataset.json``; a model of it tells so.


def prepare(source: Source, out: Path, pool: Pool) -> dict:
    """Prepare a data set in nnU-Net's layout, uncompressed. Started again, it goes on.

    Args:
        source: What was found.
        out: Folder of the prepared data set; made, with its parents.
        pool: What converts cases.

    Returns:
        dict: The report, as in ``preparation.json``.

    Raises:
        FileExistsError: If ``out`` holds something else, or another command is preparing it.
        OSError: If ``out`` cannot be written to.
    """
    _check_folder(out)
    with locked(out / LOCK, of=out):
        return _prepare(source, out, pool)


def _prepare(source: Source, out: Path, pool: Pool) -> dict:
    earlier = _open_folder(out)
    calls = [(case, out, earlier.get(case.name)) for case in source.cases]
    results, bar = pool.unordered(convert_case, calls), Console(stderr=True)
    records = []
    for (case, *_), record in track(results, 'preparing', len(calls), console=bar):
        if isinstance(record, BaseException):  # the process died, and could not say why
            error = 'its process died. Run it again with fewer workers: memory may be short.'
            record = {'case': case.name, 'error': error}
        records.append(record)
    records.sort(key=lambda record: record['case'])
    done = {record['case']: record for record in records if 'error' not in record}
    for name in {*earlier, *(case.name for case in source.cases)} - done.keys():
        discard(out, name)
    origin, folds = source.folds(list(done))
    empty = sum(not cases for fold in folds for cases in fold.values())
    if empty and done:  # training would refuse it: there are too few cases, or some were refused
        origin += f"; {empty} of their lists have no case, split='all' has every one"
    report = {'name': source.name, 'notes': [*source.notes], 'cases': records, 'folds': origin}
    _write_json(out / REPORT, report)
    if done:
        slices = [
            (name, one['sheet_slice'], prepared_files(out, name)) for name, one in done.items()
        ]
        names = sorted(source.labels, key=source.labels.get)[1:]
        write_atomic(out / SHEET, draw_contact_sheet(slices, names))
        _write_json(out / FOLDS, folds)
        description = {
            'name': source.name,
            'channel_names': {'0': source.channel},
            'labels': source.labels,
            'numTraining': len(done),
            'file_ending': '.nii',
            **({'synthetic': True} if source.synthetic else {}),
        }
        _write_json(out / DESCRIPTION, description)  # last: with it the set is complete
    else:
        for name in (SHEET, FOLDS, DESCRIPTION):
            (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / PROGRESS)
    return report


def convert_case(case: Case, out: Path, earlier: dict | None = None) -> dict:
    """Prepare one case, unless the record of an earlier run still holds; never raises.

    The image is written last and taken away first, and a reader asks for it first: it never finds
    one whose label is another's or missing. Returns the case's record for the report; with
    ``'error'`` if it was refused, and then there are no files of it in ``out``.
    """
    keep_memory()  # the next case is as large
    files = image_file, label_file = prepared_files(out, case.name)
    try:
        source = fingerprint(case.files, salt=VERSION)
        sizes = [path.stat().st_size if path.is_file() else None for path in files]
        if earlier and (earlier.get('source'), earlier.get('bytes')) == (source, sizes):
            return earlier
        image, label, checks = case.load()
        image, label = image.oriented(ORIENTATION), label.oriented(ORIENTATION)
        record = {'case': case.name, **_describe(image, label), **checks, 'source': source}
        if image.notes:
            record['notes'] = list(image.notes)
        image_file.unlink(missing_ok=True)
        write_atomic(label_file, pack_nifti(label, compressed=False))
        write_atomic(image_file, pack_nifti(image, compressed=False))
        record['bytes'] = [path.stat().st_size for path in files]
        _write_json(out / PROGRESS / f'{case.name}.json', record)
        return record
    except VolumeError as error:
        message = str(error)
    except OSError as error:
        message = (
            f'a file cannot be read or written ({why(error)}). Free space, or check the disks.'
        )
    except MemoryError:
        message = 'there is not enough memory. Run it again with fewer workers.'
    except Exception as error:  # one strange case must not stop the others
        message = f'an unexpected {type(error).__name__}. Please report it.'
    discard(out, case.name)
    return {'case': case.name, 'error': message}


def prepared_files(out: Path, name: str) -> tuple[Path, Path]:
    """Image and label of a prepared case."""
    return out / IMAGES / f'{name}_0000.nii', out / LABELS / f'{name}.nii'


def discard(out: Path, name: str) -> None:
    """Remove what is prepared of a case."""
    for path in (*prepared_files(out, name), out / PROGRESS / f'{name}.json'):
        with suppress(OSError):  # it was no file of ours, or stays: the report says so
            path.unlink(missing_ok=True)


def contiguous_folds(cases: Iterable[str], folds: int) -> Folds:
    """Blocks of the sorted cases, as nearly equal as they can be; no more folds than cases."""
    cases = sorted(cases)
    blocks = np.array_split(cases, max(min(folds, len(cases)), 1))
    return cross_validation([block.tolist() for block in blocks])


def cross_validation(blocks: list[list[str]]) -> Folds:
    """nnU-Net's ``splits_final.json``: each block is ``val`` once."""
    cases = sorted(case for block in blocks for case in block)
    return [{'train': [c for c in cases if c not in block], 'val': block} for block in blocks]


def _check_folder(out: Path) -> None:
    """Refuse a folder of somebody else's."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f'{out} is a file. Name a folder.')
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    # What a run leaves that was killed at once, or while it wrote one of the files.
    found = {whole_name(name) or name for name in found - {LOCK}}
    if found - OURS or (found and not found & {PROGRESS, REPORT}):
        raise FileExistsError(f'{out} holds files that are not of a preparation. Name another.')


def _open_folder(out: Path) -> dict[str, dict]:
    """Make the folder and return the records of earlier runs, by case."""
    for folder in (PROGRESS, IMAGES, LABELS):  # the first one says that it is ours
        (out / folder).mkdir(parents=True, exist_ok=True)
        remove_partials(out / folder)
    remove_partials(out)
    records = read_json(out / REPORT).get('cases')
    records = records if isinstance(records, list) else []
    records += [read_json(path) for path in sorted((out / PROGRESS).glob('[!.]*.json'))]
    return {record['case']: record for record in records if _is_record(record)}


def _is_record(record: object) -> bool:
    """Whether it is a record of a case that was prepared, and nobody has damaged it by hand."""
    kinds = {'case': str, 'source': str, 'bytes': list, 'sheet_slice': int}
    return isinstance(record, dict) and all(
        isinstance(record.get(key), kind) for key, kind in kinds.items()
    )


def _describe(image: Volume, label: Volume) -> dict:
    counts = np.array([np.bincount(part.ravel(), minlength=256)[1:] for part in label.voxels.T])
    areas, classes = counts.sum(1), (counts > 0).sum(1)
    volume = np.prod(image.spacing) / 1000
    return {
        'shape': list(image.voxels.shape),
        'spacing': [round(size, 4) for size in image.spacing],
        'orientation': image.orientation,
        'hu': [int(image.voxels.min()), int(image.voxels.max())],
        'label_slices': int(np.count_nonzero(areas)),
        'label_ml': round(float(areas.sum() * volume), 1),
        # Of those that show the most classes.
        'sheet_slice': int(np.where(classes == classes.max(), areas, -1).argmax()),
    }


def _write_json(path: Path, content: dict | list) -> None:
    write_atomic(path, (json.dumps(content, indent=2) + '\n').encode())
