"""What a damaged study holds, read by pydicom, nibabel and numpy: nothing here is of lsnet_mm."""

import gzip
import re
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut

AIR = -1024
MILLIMETRES = {0: 1, 1: 1000, 2: 1, 3: 0.001}


class Differs(Exception):
    """How what was read is not what is there."""


def compare_series(paths: list[str], voxels: np.ndarray, affine: np.ndarray | None) -> None:
    """HU slice by slice; and the affine, if there is one, at the place of each slice.

    Raises:
        Differs: If they are others.
    """
    slices = [pydicom.dcmread(BytesIO(Path(path).read_bytes()), force=True) for path in paths]
    numbers = {str(one.get('SeriesInstanceUID', '')) for one in slices}
    if 1 < len(numbers) < len(slices):
        raise Differs(f'{len(numbers)} series are one')
    turns, places, sizes = (
        np.array([_text(one, keyword).split('\\') for one in slices], float)
        for keyword in ('ImageOrientationPatient', 'ImagePositionPatient', 'PixelSpacing')
    )
    rows, columns = turns[0].reshape(2, 3)
    order = np.argsort(places @ np.cross(rows, columns), kind='stable')
    places, slices = places[order], [slices[k] for k in order]
    if voxels.shape != (slices[0].Columns, slices[0].Rows, len(slices)):
        raise Differs(f'shape {voxels.shape} of {len(slices)} slices')
    for k, one in enumerate(slices):
        difference = np.abs(voxels[..., k].T - _hounsfield(one))
        if difference.max() > 0.5001:  # rounded to whole numbers
            share = (difference > 0.5001).mean()
            raise Differs(f'HU of slice {k} differ by {difference.max():g}, {share:.0%} of them')
    if affine is None:
        return
    down, across = sizes[order[0]]
    if len(places) == 1:  # as thick as it says, or 1 mm
        step = np.cross(rows, columns) * float(slices[0].get('SliceThickness') or 1)
    else:
        step = (places[-1] - places[0]) / (len(places) - 1)
    expected = np.column_stack([rows * across, columns * down, step, places[0]])
    expected[:2] *= -1
    # Directions are rounded decimals, to be read with or without making their length 1.
    if not np.allclose(affine[:3], expected, rtol=0.01, atol=0.02):
        raise Differs(f'affine {affine[:3].round(3).tolist()}, not {expected.round(3).tolist()}')
    told = (affine[:3, 3] + np.outer(range(len(places)), affine[:3, 2])) * [-1, -1, 1]
    away, length = np.linalg.norm(told - places, axis=1).max(), np.linalg.norm(step)
    if away > 0.25 * length + 0.02 * length * len(places):
        raise Differs(f'slices are put {away:.2f} mm beside their positions')


def _hounsfield(one: pydicom.Dataset) -> np.ndarray:
    # Before pydicom parses them. It takes neither where one is missing; both were meant to be
    # there, so that one that is, is meant, and nothing but the neutral value is ever left out.
    slope, intercept = _decimal(one, 'RescaleSlope', 1), _decimal(one, 'RescaleIntercept', 0)
    stored = _stored(one)
    hu = stored * slope + intercept
    if 'RescaleSlope' in one and 'RescaleIntercept' in one:
        with suppress(TypeError, ValueError, NotImplementedError):  # a VR or a text that is none
            hu = apply_modality_lut(stored, one).astype(float)
    padding, limit = (_whole(one, f'PixelPadding{end}') for end in ('Value', 'RangeLimit'))
    if padding is not None:
        # Written with or without the sign of the voxels; a range that is none is its first value.
        low, high = np.array([padding, padding if limit is None else limit]).astype(stored.dtype)
        backwards = limit is not None and (padding <= limit) != (low <= high)
        low, high = (low, low) if backwards else sorted((low, high))
        hu = np.where((stored >= low) & (stored <= high), AIR, hu)
    return np.maximum(hu, AIR)


def _stored(one: pydicom.Dataset) -> np.ndarray:
    """Native voxels by numpy; all with their unused bits, which pydicom would cut off."""
    syntax = one.file_meta.get('TransferSyntaxUID') or pydicom.uid.ExplicitVRLittleEndian
    if syntax.is_encapsulated:
        one.pixel_array_options(correct_unused_bits=False)
        values = one.pixel_array
    else:
        order, sign = '><'[one.original_encoding[1]], 'ui'[one.PixelRepresentation]
        kind = f'{sign}{one.BitsAllocated // 8}'
        values = np.frombuffer(one.PixelData, order + kind, one.Rows * one.Columns).astype(kind)
        values = values.reshape(one.Rows, one.Columns)
    bits, whole = one.BitsStored, values.astype(np.int64)
    half = 2 ** (bits - 1)
    inside = (-half <= whole) & (whole < half) if values.dtype.kind == 'i' else whole < 2 * half
    bare = (whole >= 0) & (whole < 2 * half) & ~inside  # the sign is not repeated
    padding = np.array(_whole(one, 'PixelPaddingValue') or 0).astype(values.dtype)
    if not (inside | bare | (values == padding)).all():
        raise Differs(f'voxels take more than {bits} bits')
    return np.where(bare, whole - 2 * half, whole).astype(values.dtype)


def _decimal(one: pydicom.Dataset, keyword: str, neutral: float) -> float:
    text = _text(one, keyword).strip('\\')  # of several empty values none is there
    return float(text) if text else neutral


def _text(one: pydicom.Dataset, keyword: str) -> str:
    """As writers of all countries and VRs meant it: with a comma, or a damaged VR."""
    element = one.get_item(keyword)
    value = element.value if element and element.value is not None else ''
    value = value.decode('latin-1') if isinstance(value, bytes) else str(value)
    return value.strip(' \0').replace(',', '.')


def _whole(one: pydicom.Dataset, keyword: str) -> int | None:
    value = one.get(keyword)
    return int(value) if isinstance(value, int) else None


def compare_nifti(path: str, voxels: np.ndarray, affine: np.ndarray) -> None:
    """Every voxel, and the affine in mm.

    Raises:
        Differs: If they are others.
    """
    content = Path(path).read_bytes()
    if content[:2] == b'\x1f\x8b':
        content = gzip.decompress(content)
    second = int.from_bytes(content[:4], 'little') == 540 or content[:4] == b'\0\0\2\x1c'
    image = (nib.Nifti2Image if second else nib.Nifti1Image).from_bytes(content)
    expected = np.asarray(image.dataobj, float)
    expected = expected.reshape(expected.shape[:3], order='F')
    if voxels.shape != expected.shape:
        raise Differs(f'shape {voxels.shape}, not {expected.shape}')
    difference = np.abs(voxels - expected).max()
    if not difference <= 1e-5 * np.abs(expected).max():
        raise Differs(f'HU differ by {difference:g}')
    where = image.affine.copy()
    where[:3] *= MILLIMETRES.get(int(image.header['xyzt_units']) & 7, 1)
    if not np.allclose(affine, where, rtol=1e-5, atol=1e-4):
        raise Differs(f'affine {affine.round(3).tolist()}, not {where.round(3).tolist()}')


def slices_below(folder: Path) -> list[Path]:
    """Files that anyone would take for slices: DICOM by their bytes, their suffix, or as others of
    their folder are named. Hidden ones are nobody's, by decision.
    """
    files, seen = [], set()
    stack = [folder]
    while stack:
        for path in sorted(stack.pop().iterdir()):
            identity = _identity(path)
            if path.name.startswith('.') or identity is None or identity in seen:
                continue
            seen.add(identity)
            if path.is_dir():
                stack.append(path)
            elif path.is_file() and not re.search(r'\.nii(\.gz)?$', path.name, re.I):
                files.append(path)
    slices = [path for path in files if _is_slice(path)]
    names = {(path.parent, re.sub(r'\d+', '0', path.name)) for path in slices}
    return [path for path in files if (path.parent, re.sub(r'\d+', '0', path.name)) in names]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _is_slice(path: Path) -> bool:
    with path.open('rb') as file:
        start = file.read(132)
    return start[128:] == b'DICM' or path.suffix.lower() == '.dcm'
