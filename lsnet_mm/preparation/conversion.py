"""From a case as it was found to a case that is prepared: whole, or not there at all."""

import json
import os
from pathlib import Path

import numpy as np

from ..utils.files import write_atomic
from ..utils.machine import keep_memory
from ..volumes import Volume, VolumeError, write_nifti
from .case import Case

IMAGES, LABELS = 'imagesTr', 'labelsTr'
#: Records of finished cases lie here until the data set is complete.
PROGRESS = '.preparing'


def prepared_files(out: Path, name: str) -> tuple[Path, Path]:
    """Image and label of a prepared case."""
    return out / IMAGES / f'{name}_0000.nii', out / LABELS / f'{name}.nii'


def convert_case(case: Case, out: Path, earlier: dict | None = None) -> dict:
    """Prepare one case, unless it is prepared already; never raises.

    The image is written last and taken away first, and a reader asks for it first: it never finds
    one whose label is another's or missing.

    Args:
        case: Any.
        out: The prepared data set; its folders exist.
        earlier: The record of an earlier run, if there is one.

    Returns:
        dict: The case's record for the report; with ``'error'`` if it was refused, and then there
        are no files of it in ``out``.
    """
    keep_memory()  # the next case is as large
    image_file, label_file = prepared_files(out, case.name)
    try:
        source = case.fingerprint()
        if earlier is not None and _is_current(earlier, source, image_file, label_file):
            return earlier
        image, label, checks = case.load()
        try:
            image_file.unlink(missing_ok=True)
            write_nifti(label_file, label)
            write_nifti(image_file, image)
            record = _describe(case.name, source, image, label, checks)
            record['bytes'] = [image_file.stat().st_size, label_file.stat().st_size]
            write_json(out / PROGRESS / f'{case.name}.json', record)
        except OSError as error:
            reason = f'it cannot be written ({os.strerror(error.errno or 0)})'
            fix = 'Free space, or name a folder that can be written to'
            raise VolumeError('the case', reason, fix) from error
        return record
    except VolumeError as error:
        message = str(error)
    except OSError as error:
        message = f'a file cannot be read ({os.strerror(error.errno or 0)}). Check the disk.'
    except MemoryError:
        message = 'there is not enough memory. Run it again with fewer workers.'
    except Exception as error:  # one strange case must not stop the others
        message = f'an unexpected {type(error).__name__}. Please report it.'
    discard(out, case.name)
    return {'case': case.name, 'error': message}


def discard(out: Path, name: str) -> None:
    """Remove what is prepared of a case."""
    for path in (*prepared_files(out, name), out / PROGRESS / f'{name}.json'):
        try:
            path.unlink(missing_ok=True)
        except OSError:  # it was no file of ours, or cannot be removed: the report says so
            continue


def write_json(path: Path, content: dict | list) -> None:
    """Write a JSON file whole or not at all, and only if that changes it."""
    write_bytes(path, (json.dumps(content, indent=2) + '\n').encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and only if that changes it."""
    if path.is_file() and path.read_bytes() == content:
        return
    write_atomic(path, content)


def _is_current(record: dict, source: str, *files: Path) -> bool:
    sizes = [path.stat().st_size if path.is_file() else None for path in files]
    return record.get('source') == source and record.get('bytes') == sizes


def _describe(name: str, source: str, image: Volume, label: Volume, checks: dict) -> dict:
    areas = np.array([np.count_nonzero(part) for part in np.moveaxis(label.voxels, 2, 0)])
    # A slice at a time, which the processor's cache still holds for the second look at it.
    low, high = zip(*((one.min(), one.max()) for one in image.voxels.T), strict=True)
    volume = np.prod(image.spacing) / 1000
    return {
        'case': name,
        'shape': list(image.voxels.shape),
        'spacing': [round(size, 4) for size in image.spacing],
        'orientation': image.orientation,
        'hu': [int(min(low)), int(max(high))],
        'label_slices': int(np.count_nonzero(areas)),
        'label_ml': round(float(areas.sum() * volume), 1),
        'sheet_slice': int(areas.argmax()),
        **checks,
        'source': source,
    }
