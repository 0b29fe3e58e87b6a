"""DICOM series on a disk: which files belong together, whatever their folders and names."""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.config import disable_value_validation

from .slice_header import SliceHeader

PREAMBLE = 128
MAGIC = b'DICM'
#: So many bytes hold the header of nearly every CT slice.
START = 16384


@dataclass(frozen=True)
class Series:
    """The files of one series, in no order.

    Attributes:
        headers: One a file, never empty.
    """

    headers: tuple[SliceHeader, ...]

    @property
    def patient(self) -> str:
        return self.headers[0].patient

    @property
    def modality(self) -> str:
        return self.headers[0].modality


@dataclass(frozen=True)
class BrokenFile:
    """A file that should be DICOM, by its name or its first bytes, and cannot be read.

    Attributes:
        path: The file.
        reason: Why, as the end of a sentence about it.
    """

    path: Path
    reason: str


def find_series(folder: Path, map: Callable = map) -> tuple[list[Series], list[BrokenFile]]:
    """Find all series below a folder. Files are DICOM by content; others are passed over.

    Args:
        folder: Where to look, at any depth. Hidden files and folders are left out.
        map: What applies a function to many arguments; that of an executor reads in parallel.

    Returns:
        tuple: The series, by patient and series UID, in this order; and the files named ``.dcm``,
        or starting like DICOM, that cannot be read.
    """
    groups: dict[tuple[str, str], list[SliceHeader]] = {}
    broken: list[BrokenFile] = []
    for found in map(_read_header, _files(folder)):
        if isinstance(found, SliceHeader):
            groups.setdefault((found.patient, found.series), []).append(found)
        elif found is not None:
            broken.append(found)
    return [Series(tuple(groups[key])) for key in sorted(groups)], broken


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(names):
            if not name.startswith('.') and not name.endswith(('.nii', '.nii.gz')):
                yield Path(parent, name)


def _read_header(path: Path) -> SliceHeader | BrokenFile | None:
    try:
        with path.open('rb', buffering=0) as file:
            start = file.read(START)
        if start[PREAMBLE : PREAMBLE + len(MAGIC)] != MAGIC:
            named = path.suffix.lower() == '.dcm'
            return BrokenFile(path, 'is no DICOM file, in spite of its name') if named else None
        # pydicom would print values that it finds odd, and they may be names or dates.
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter('ignore')
            return SliceHeader.read(path, start)
    except OSError:
        return BrokenFile(path, 'cannot be read from the disk')
    except Exception:  # pydicom has no error of its own: anything may come out of broken bytes
        return BrokenFile(path, 'has a broken or truncated DICOM header')
