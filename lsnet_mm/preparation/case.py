from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from ..volumes import Volume

#: Columns to the left, rows to the front, slices to the feet: the axes of Pancreas-CT's files.
#: Every case is brought to them, or a net would be shown some patients upside down.
ORIENTATION = 'LAI'
#: Counts up when the same input gives other output than before, so that old output is made again.
VERSION = 1


@dataclass(frozen=True)
class Case(ABC):
    """One patient of a data set that is to be prepared; it may turn out to be unusable.

    Attributes:
        name: In the prepared data set, such as ``'PANCREAS_0001'``.
    """

    name: str

    @property
    @abstractmethod
    def files(self) -> list[Path]:
        """Everything that is read for this case."""

    @abstractmethod
    def load(self) -> tuple[Volume, Volume, dict]:
        """Read and check.

        Returns:
            tuple: The image (int16 HU), the label (uint8) of the same geometry, both with the axes
            ``ORIENTATION``, and what the checks measured, for the report.

        Raises:
            VolumeError: If anything is wrong.
        """

    def fingerprint(self) -> str:
        """A digest that changes when a file of the case is replaced; no file is opened."""
        digest = hashlib.sha256(f'{VERSION}'.encode())
        for path in sorted(self.files):
            stat = path.stat()
            digest.update(f'{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0'.encode())
        return digest.hexdigest()[:16]
