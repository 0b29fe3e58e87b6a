"""Slices as PNG and JPG pictures: grey values of a window of HU, without a place in a patient."""

import io
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .memory import check_memory
from .stack import VOXELS
from .volume import Volume, VolumeError, public_name

PICTURE = re.compile(r'\.(png|jpe?g)$', re.IGNORECASE)
#: What the files begin with.
_MAGIC = (b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff')
_SLICE = re.compile(r'(?P<case>.+)_(?P<number>\d{1,5})')
#: Directions of columns and rows in RAS by where the spine is, with the patient's right on the left
#: side: at the top it is where the pictures of this project have it.
SPINES = {'top': (-1, 1), 'bottom': (-1, -1)}
_FIX = 'Export it as an 8-bit grey PNG, or give the DICOM series itself'


@dataclass(frozen=True)
class Pictures:
    """Slices of one case, in the order of their numbers."""

    paths: tuple[Path, ...]  #: One a slice.
    numbers: tuple[str, ...] = ()  #: As in their names ``<case>_<number>``; empty where none is.


def is_picture(path: Path) -> bool:
    """Whether a file should be a picture, by its name or its first bytes."""
    if PICTURE.search(path.name) or not path.is_file():
        return path.is_file()
    try:
        with path.open('rb') as file:
            return file.read(8).startswith(_MAGIC)
    except OSError:
        return False


def group_pictures(paths: Iterable[Path]) -> list[Pictures]:
    """Pictures by case, which is what comes before a number in their names.

    Raises:
        VolumeError: If two are the same slice of a case.
    """
    cases: dict[tuple, dict[int, Path]] = defaultdict(dict)
    alone = []
    for path in sorted(paths):
        if not (match := _SLICE.fullmatch(path.stem)):
            alone.append(path)
            continue
        slices, number = cases[path.parent, match['case']], int(match['number'])
        if number in slices:
            reason = f'it has the case and the number of {public_name(slices[number])}'
            raise VolumeError(public_name(path), reason, 'Rename or remove one')
        slices[number] = path
    found = [Pictures((path,)) for path in alone]
    for slices in cases.values():
        ordered = tuple(slices[number] for number in sorted(slices))
        numbers = tuple(path.stem.rpartition('_')[2] for path in ordered)
        found.append(Pictures(ordered, numbers))
    return sorted(found, key=lambda one: one.paths)


def read_pictures(
    pictures: Pictures, window: Sequence[float] | None, spine: str | None = None
) -> Volume:
    """Read pictures as a stack of slices in HU.

    Args:
        pictures: Of one size, as they are shown: turned as their EXIF data say.
        window: HU of grey 0 and 255.
        spine: Where it is in them, ``'top'`` or ``'bottom'``; None: at the top, as its notes say.

    Returns:
        Volume: Columns, rows, slices, float32; ``picture`` is the window, and lengths are pixels.

    Raises:
        VolumeError: If the window is not known, or one is no 8-bit grey picture of their size.
    """
    where = public_name(pictures.paths[0])
    if window is None:
        reason = 'nothing says which HU its grey values are'
        fix = 'Say it: --window LOW HIGH, picture_window=(LOW, HIGH); HU 0 255 of our own slices'
        raise VolumeError(where, reason, fix)
    low, high = map(float, window)
    sizes = [_open(path).size for path in pictures.paths]
    check_memory(where, sum(width * height for width, height in sizes), 6)
    greys, turned = zip(*map(_read, pictures.paths), strict=True)
    usual, _ = Counter(grey.shape for grey in greys).most_common(1)[0]
    for path, grey in zip(pictures.paths, greys, strict=True):
        if grey.shape != usual:
            reason = f'its (rows, columns) are {grey.shape}, of most slices of its case {usual}'
            raise VolumeError(public_name(path), reason, 'Name it as a case of its own')
    hu = np.stack(greys).astype(np.float32)
    hu *= (high - low) / 255
    hu += low
    notes = [] if spine else ['is taken to have the spine at the top; else say --spine bottom']
    notes += ['is turned as its EXIF data say, and so is its mask'] if any(turned) else []
    affine = np.diag([*SPINES[spine or 'top'], -1.0, 1.0])
    return Volume(hu.T, affine, tuple(notes), picture=(low, high))


def pack_picture(pixels: np.ndarray) -> bytes:
    """A PNG file of (rows, columns) uint8."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, 'PNG')
    return file.getvalue()


def _open(path: Path) -> Image.Image:
    """By its header, a picture that can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # that it is large, which is asked below
            image = Image.open(path, formats=('PNG', 'JPEG'))
    except Image.DecompressionBombError as error:
        raise VolumeError(public_name(path), 'it has more pixels than any slice', _FIX) from error
    except (OSError, ValueError, SyntaxError) as error:
        reason = 'the file is no PNG or JPG picture, or truncated'
        raise VolumeError(public_name(path), reason, 'Export it again') from error
    # PIL gives colours of 16 bits as 8, and says so only in how it would decode them.
    deep = image.mode[0] in 'IF' or '16' in str([tile[3] for tile in image.tile])
    reason = None
    if image.width * image.height > VOXELS:
        reason = f'it has {image.width} x {image.height} pixels, more than any slice'
    elif deep:
        reason = 'its pixels have 16 bits, which no window has made grey'
    elif getattr(image, 'n_frames', 1) != 1:
        reason = f'it holds {image.n_frames} pictures'
    if reason:
        raise VolumeError(public_name(path), reason, _FIX)
    return image


def _read(path: Path) -> tuple[np.ndarray, bool]:
    """Grey (rows, columns) uint8 of a picture, upright, and whether it had to be turned."""
    try:
        with _open(path) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
            colors = np.asarray(ImageOps.exif_transpose(image).convert('RGBA'))
    except VolumeError:
        raise
    except Exception as error:  # of PIL, whatever broken bytes lead to
        reason = 'the file is damaged or truncated'
        raise VolumeError(public_name(path), reason, 'Export it again') from error
    reason = None
    if (colors[..., 3] != 255).any():
        reason = 'parts of it are transparent'
    elif np.ptp(colors[..., :3], axis=2).max() > 2:  # JPG rounds
        reason = 'it is in colour, and a slice of CT is grey'
    if reason:
        raise VolumeError(public_name(path), reason, _FIX)
    return np.asarray(Image.fromarray(colors[..., :3]).convert('L')), turned
