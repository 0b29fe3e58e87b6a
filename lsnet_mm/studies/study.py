from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from ..volumes import (
    BrokenFile,
    Series,
    SliceHeader,
    Volume,
    VolumeError,
    public_name,
    read_hu,
    read_slices,
    sort_slices,
)


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
        digest = hashlib.sha256()
        for path in sorted(self.files):
            stat = path.stat()
            digest.update(f'{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0'.encode())
        return digest.hexdigest()[:16]


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
