"""Studies on a disk: what each is, and which there are where a user looks."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..utils.files import fingerprint, why
from ..volumes import (
    NIFTI,
    BrokenFile,
    Candidate,
    Pictures,
    Series,
    SliceHeader,
    Volume,
    VolumeError,
    check_numbers,
    choose_series,
    ct_series,
    files_below,
    find_series,
    group_pictures,
    is_nifti,
    is_picture,
    public_name,
    read_header,
    read_hu,
    read_pictures,
    read_slices,
    sort_slices,
)

#: Bytes of a part of a file that tells it from others.
PART = 1 << 16
NOTHING = 'Name a folder with a CT series (DICOM), a NIfTI, PNG or JPG file, or a folder of these'


@dataclass(frozen=True)
class Study:
    """One volume to segment: a NIfTI file, a CT series or pictures; it may turn out to be unusable.

    Attributes:
        name: What its outputs are called: no patient, date or UID.
        place: Where it was found, for messages, likewise.
        source: The NIfTI file; the series, its slices in no order; or the pictures.
        broken: Damaged files beside a series, which may be slices of it; there must be none.
        beside: How many files of each other kind lie where it was searched, and were left out.
        choice: Of a series, why it was taken out of those of its visit, for the record.
    """

    name: str
    place: str
    source: Path | Series | Pictures
    broken: tuple[BrokenFile, ...] = ()
    beside: tuple[tuple[str, int], ...] = ()
    choice: dict | None = None

    @property
    def nifti(self) -> Path | None:
        """The NIfTI file, if it is one."""
        return self.source if isinstance(self.source, Path) else None

    @property
    def pictures(self) -> Pictures | None:
        """The pictures, if it is of these."""
        return self.source if isinstance(self.source, Pictures) else None

    @property
    def dicom(self) -> Series | None:
        """The series, if it is one."""
        return self.source if isinstance(self.source, Series) else None

    def headers(self) -> list[SliceHeader]:
        """Of the DICOM files, in the order of the slices.

        Raises:
            VolumeError: If the series has a damaged file or is no whole volume.
        """
        if self.broken:
            [file, *_] = self.broken
            fix = 'Copy the series again, or remove the file if it is none of it'
            raise VolumeError(public_name(file.path), f'the file {file.reason}', fix)
        return sort_slices(self.source)

    def load(
        self,
        assume_hu: bool = False,
        window: tuple[float, float] | None = None,
        spine: str | None = None,
    ) -> Volume:
        """Read and check.

        Args:
            assume_hu: Skip :func:`~lsnet_mm.volumes.check_hu`.
            window: Of pictures; see :func:`~lsnet_mm.volumes.read_pictures`.
            spine: Likewise.

        Returns:
            Volume: In HU.

        Raises:
            VolumeError: If anything is wrong.
        """
        if self.nifti:
            return read_hu(self.nifti, assume_hu)
        if self.pictures:
            return read_pictures(self.pictures, window, spine)
        return read_slices(self.headers(), assume_hu)

    def fingerprint(self) -> str:
        """A digest that changes when a file is replaced; no file is opened."""
        return fingerprint(self.files())

    def identity(self) -> str:
        """A digest of the scan that no other has, and that it keeps when it is copied or completed.

        It is of parts of the first file: of DICOM they hold UIDs, of NIfTI voxels in the body.
        """
        first = min(self.files(), key=lambda path: (path.name, path))
        size, digest = first.stat().st_size, hashlib.sha256()
        with first.open('rb') as file:
            for start in (0, size // 2, size - PART):
                file.seek(max(start, 0))
                digest.update(file.read(PART))
        return digest.hexdigest()[:16]

    def files(self) -> list[Path]:
        """All that it is made of."""
        if self.dicom:
            return [file.path for file in (*self.source.headers, *self.broken)]
        return list(self.pictures.paths) if self.pictures else [self.nifti]


@dataclass
class Findings:
    """What was found.

    Attributes:
        studies: In the order of the arguments, then by patient and series, then by file name.
        refused: Messages of what can be no study.
        notes: What was left out.
        visits: Where series were chosen, and all that there were.
        skip: What is passed over in folders.
    """

    studies: list[Study] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    visits: list[tuple[str, list[Candidate]]] = field(default_factory=list)
    skip: Collection[Path] = ()

    def add(
        self, place: str, source: Path | Series | Pictures, *more: Sequence, choice=None
    ) -> None:
        """Add a study: numbered, or by a file's own name if that is a number and nobody else's."""
        name = f'study_{len(self.studies) + 1:03d}'
        if isinstance(source, Path) and public_name(source) == source.name:
            own = NIFTI.sub('', source.name)
            name = name if own in {study.name for study in self.studies} else own
        self.studies.append(Study(name, place, source, *map(tuple, more), choice=choice))


def find_studies(
    paths: Sequence[Path], series: Collection[int] | None = None, skip: Collection[Path] = ()
) -> Findings:
    """Find CT series and NIfTI files, at any depth.

    Series are told apart by their UIDs, whatever their folders; of each visit one is taken. A NIfTI
    file whose name is a number (``img0012.nii.gz``) gives it to its outputs; others are numbered.

    Args:
        paths: Folders and files.
        series: Numbers of the series to take of each visit; empty: all of CT. None: one, by
            :func:`~lsnet_mm.volumes.choose_series`.
        skip: Files in folders that are no studies, resolved.

    Returns:
        Findings: A path that cannot be used is refused by itself.
    """
    found = Findings(skip=skip)
    for number, path in enumerate(paths, start=1):
        place = f'argument {number}'
        try:
            if path.is_dir():
                _find_in_folder(found, path, place, series)
            elif is_nifti(path) and path.is_file():
                found.add(place, path)
            elif is_picture(path):
                found.add(place, group_pictures([path])[0])
            elif path.is_file() and (header := read_header(path)):
                _find_file(found, header, place)
            else:
                reason = 'it is no folder and no NIfTI file' if path.exists() else 'it is not there'
                raise VolumeError(place, reason, NOTHING)
        except VolumeError as error:
            found.refused.append(str(error))
        except OSError as error:
            reason = f'it cannot be read ({why(error)})'
            found.refused.append(str(VolumeError(place, reason, 'Check its permissions')))
        except Exception as error:  # one strange folder must not stop the others
            reason = f'it cannot be searched ({type(error).__name__})'
            fix = 'Name the folders in it one by one'
            found.refused.append(str(VolumeError(place, reason, fix)))
    return found


def _find_file(found: Findings, header: SliceHeader | BrokenFile, place: str) -> None:
    """A single DICOM file: a slice, or an enhanced one with all of them."""
    if isinstance(header, BrokenFile):
        raise VolumeError(place, f'the file {header.reason}', 'Copy it again')
    found.add(place, Series((header,)))


def _may_be_nifti(path: Path) -> bool:
    """Also if it cannot be read, which is said of those whose name says what they are."""
    try:
        return is_nifti(path)
    except OSError:
        return NIFTI.search(path.name) is not None


def _find_in_folder(
    found: Findings, folder: Path, place: str, wanted: Collection[int] | None
) -> None:
    next(folder.iterdir(), None)  # os.walk would pass over a folder that it may not read
    everything, broken = find_series(folder)
    scans, left_out = ct_series(everything)
    beside = defaultdict(list)
    for file in broken:
        beside[file.path.parent].append(file)
    known = {file.path for one in everything for file in one.headers} | {f.path for f in broken}
    others = [p for p in files_below(folder) if p not in known and p.resolve() not in found.skip]
    files = sorted(filter(_may_be_nifti, others))
    pictures = [path for path in sorted({*others} - {*files}) if is_picture(path)]
    if not scans and not files and not broken:
        if pictures:
            return _find_pictures(found, pictures, place)
        raise VolumeError(place, 'it holds no CT series and no NIfTI file', NOTHING)
    if pictures:
        left_out['picture'] = len(pictures)
    visits = choose_series(everything, scans, wanted)
    for k, visit in enumerate(visits, start=1):
        of = place if len(visits) == 1 else f'{place}, visit {k} of {len(visits)}'
        found.visits.append((of, visit))
        try:
            check_numbers(visit, wanted, of)
        except VolumeError as error:
            found.refused.append(str(error))
            continue
        for one in (one for one in visit if one.chosen):
            own = f'{of}, series {one.number} of {one.of} ({len(one.series.headers)} files)'
            parents = sorted({header.path.parent for header in one.series.headers})
            damaged = [file for parent in parents for file in beside.pop(parent, ())]
            choice = _record(one, visit)
            found.add(own, one.series, damaged, sorted(left_out.items()), choice=choice)
        if left := [one for one in visit if one.series in scans and not one.chosen]:
            found.notes.append(f'{of}: {_said(visit, left)}')
    for path in files:
        where = f'{place}, {public_name(path)}'
        if path.is_file():
            found.add(where, path)
        else:  # a pipe would be waited for
            error = VolumeError(where, 'it is no file, or a link to nowhere', 'Copy it again')
            found.refused.append(str(error))
    for file in (file for files in beside.values() for file in files):
        fix = 'Copy it again, or remove it'
        error = VolumeError(public_name(file.path), f'the file {file.reason}', fix)
        found.refused.append(f'{place}, {error}')
    found.notes += [f'{place}: {n} x {kind} left out' for kind, n in sorted(left_out.items())]


def _find_pictures(found: Findings, pictures: list[Path], place: str) -> None:
    """In a folder without volumes. Masks in the layout of training are no slices."""
    masks = [p for p in pictures if p.parent.name == 'masks' and (p.parents[1] / 'images').is_dir()]
    if masks:
        found.notes.append(f'{place}: {len(masks)} x mask of training left out')
    for one in group_pictures(path for path in pictures if path not in masks):
        count = len(one.paths)
        about = public_name(one.paths[0]) if count == 1 else f'a case of {count} pictures'
        found.add(f'{place}, {about}', one)


def _record(chosen: Candidate, visit: list[Candidate]) -> dict:
    """What the record of a study says of its choice."""
    others = [{'number': one.number, 'reason': one.reason} for one in visit if one is not chosen]
    about = {'number': chosen.number, 'of': chosen.of, 'reason': chosen.reason}
    return about | {'others': others}


def _said(visit: list[Candidate], left: list[Candidate]) -> str:
    """The choice as a note in the terminal."""
    taken = ', '.join(f'series {o.number} of {o.of} ({o.reason})' for o in visit if o.chosen)
    count = sum(len(one.series.headers) for one in left)
    others = ', '.join(f'series {one.number} ({one.reason})' for one in left)
    fix = '--series N takes another, --series all takes all'
    return f'{taken}; {count} x CT slice left out: {others}. {fix}'
