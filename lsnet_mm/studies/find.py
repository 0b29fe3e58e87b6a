"""Which studies there are in the folders and files that a user names."""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..volumes import VolumeError, ct_series, find_series, public_name
from .study import DicomStudy, NiftiStudy, Study

ENDINGS = ('.nii.gz', '.nii')
NOTHING = 'Name a folder with a CT series (DICOM), a .nii or .nii.gz file, or a folder of these'


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


def find_studies(paths: Sequence[Path], map: Callable = map) -> Findings:
    """Find CT series and NIfTI files, at any depth.

    Series are told apart by their UIDs, whatever their folders. A NIfTI file whose name is a number
    (``img0012.nii.gz``) gives it to its outputs; all others are numbered.

    Args:
        paths: Folders and files.
        map: See :func:`~lsnet_mm.volumes.find_series`.

    Returns:
        Findings: A path that cannot be used is refused by itself.
    """
    found = Findings()
    for number, path in enumerate(paths, start=1):
        place = f'argument {number}'
        try:
            if path.is_dir():
                _find_in_folder(found, path, place, map)
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


def _find_in_folder(found: Findings, folder: Path, place: str, map: Callable) -> None:
    next(folder.iterdir(), None)  # os.walk would pass over a folder that it may not read
    everything, broken = find_series(folder, map)
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
