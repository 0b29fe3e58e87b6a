"""Studies on a disk: what each is, and which there are where a user looks."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..utils.files import fingerprint
from ..volumes import (
    BrokenFile,
    Series,
    SliceHeader,
    Volume,
    VolumeError,
    ct_series,
    find_series,
    public_name,
    read_hu,
    read_slices,
    sort_slices,
)

ENDINGS = ('.nii.gz', '.nii')
NOTHING = 'Name a folder with a CT series (DICOM), a .nii or .nii.gz file, or a folder of these'


@dataclass(frozen=True)
class Study(ABC):
    """One volume to segment; it may turn out to be unusable.

    Attributes:
        name: What its outputs are called: no patient, date or UID.
        place: Where it was found, for messages, likewise.
    """

    name: str
    place: str

    @property
    @abstractmethod
    def files(self) -> list[Path]:
        """Everything that is read for it."""

    @property
    def headers(self) -> list[SliceHeader]:
        """Of the DICOM files, in the order of the slices; empty where there are none."""
        return []

    @abstractmethod
    def load(self) -> Volume:
        """Read and check.

        Returns:
            Volume: In HU.

        Raises:
            VolumeError: If anything is wrong.
        """

    def fingerprint(self) -> str:
        """A digest that changes when a file is replaced; no file is opened."""
        return fingerprint(self.files)


@dataclass(frozen=True)
class NiftiStudy(Study):
    """A NIfTI file.

    Attributes:
        path: The file.
    """

    path: Path

    @property
    def files(self) -> list[Path]:
        return [self.path]

    def load(self) -> Volume:
        return read_hu(self.path)


@dataclass(frozen=True)
class DicomStudy(Study):
    """A CT series.

    Attributes:
        series: Its slices, in no order.
        broken: Damaged files beside them, which may be slices of it; there must be none.
    """

    series: Series
    broken: tuple[BrokenFile, ...] = ()

    @property
    def files(self) -> list[Path]:
        return [header.path for header in self.series.headers] + [b.path for b in self.broken]

    @property
    def headers(self) -> list[SliceHeader]:
        return sort_slices(self.series)

    def load(self) -> Volume:
        if self.broken:
            first = self.broken[0]
            fix = 'Copy the series again, or remove the file if it is none of it'
            raise VolumeError(public_name(first.path), f'the file {first.reason}', fix)
        return read_slices(self.headers)


@dataclass
class Findings:
    """What was found.

    Attributes:
        studies: In the order of the arguments, then by patient and series, then by file name.
        refused: Messages of what can be no study.
        notes: What was left out.
    """

    studies: list[Study] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_studies(paths: Sequence[Path]) -> Findings:
    """Find CT series and NIfTI files, at any depth.

    Series are told apart by their UIDs, whatever their folders. A NIfTI file whose name is a number
    (``img0012.nii.gz``) gives it to its outputs; all others are numbered.

    Args:
        paths: Folders and files.

    Returns:
        Findings: A path that cannot be used is refused by itself.
    """
    found = Findings()
    for number, path in enumerate(paths, start=1):
        place = f'argument {number}'
        try:
            if path.is_dir():
                _find_in_folder(found, path, place)
            elif path.name.lower().endswith(ENDINGS) and path.exists():
                found.studies.append(NiftiStudy(_name(found, path), place, path))
            else:
                reason = 'it is no folder and no NIfTI file' if path.exists() else 'it is not there'
                raise VolumeError(place, reason, NOTHING)
        except VolumeError as error:
            found.refused.append(str(error))
        except OSError as error:
            reason = f'it cannot be read ({os.strerror(error.errno or 0)})'
            found.refused.append(str(VolumeError(place, reason, 'Check its permissions')))
    return found


def _find_in_folder(found: Findings, folder: Path, place: str) -> None:
    next(folder.iterdir(), None)  # os.walk would pass over a folder that it may not read
    everything, broken = find_series(folder)
    series, left_out = ct_series(everything)
    beside = defaultdict(list)
    for file in broken:
        beside[file.path.parent].append(file)
    files = sorted(p for p in folder.rglob('*') if p.name.lower().endswith(ENDINGS))
    files = [p for p in files if not p.name.startswith('.') and p.is_file()]
    if not series and not files and not broken:
        raise VolumeError(place, 'it holds no CT series and no NIfTI file', NOTHING)
    for k, one in enumerate(series, start=1):
        own = f'{place}, series {k} of {len(series)} ({len(one.headers)} files)'
        parents = sorted({header.path.parent for header in one.headers})
        damaged = [file for parent in parents for file in beside.pop(parent, ())]
        found.studies.append(DicomStudy(_number(found), own, one, tuple(damaged)))
    for path in files:
        own = f'{place}, {public_name(path)}'
        found.studies.append(NiftiStudy(_name(found, path), own, path))
    for file in (file for files in beside.values() for file in files):
        reason = f'the file {file.reason}'
        error = VolumeError(public_name(file.path), reason, 'Copy it again, or remove it')
        found.refused.append(f'{place}, {error}')
    for kind, count in sorted(left_out.items()):
        found.notes.append(f'{place}: {count} x {kind} left out')


def _number(found: Findings) -> str:
    return f'study_{len(found.studies) + 1:03d}'


def _name(found: Findings, path: Path) -> str:
    """The file's own name without ending, if it is a number and nobody else's."""
    name = path.name[: -len(next(e for e in ENDINGS if path.name.lower().endswith(e)))]
    own = public_name(path) == path.name and name not in {s.name for s in found.studies}
    return name if own else _number(found)
