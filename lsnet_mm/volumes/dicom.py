"""Voxels of DICOM series, in HU."""

import warnings
from pathlib import Path

import numpy as np
import pydicom

from .errors import VolumeError, public_name
from .series import SliceHeader, ct_series, find_series
from .stacking import RELOAD, sort_slices, stack_affine
from .volume import Volume

INT16 = np.iinfo(np.int16)


def read_dicom(folder: str | Path) -> Volume:
    """Read the only CT series below a folder; localizers, dose reports and the like are left out.

    Args:
        folder: Where to look, at any depth.

    Returns:
        Volume: See :func:`read_slices`.

    Raises:
        VolumeError: If there is no series, more than one, a broken file, or one of the checks of
            :func:`~lsnet_mm.volumes.stacking.sort_slices` fails.
    """
    series, broken = find_series(Path(folder))
    if broken:
        raise VolumeError(public_name(broken[0].path), broken[0].reason, RELOAD)
    series, _ = ct_series(series)
    if len(series) != 1:
        raise VolumeError('the folder', f'it holds {len(series)} series', 'Name the folder of one')
    return read_slices(sort_slices(series[0]))


def read_slices(headers: list[SliceHeader]) -> Volume:
    """Read and stack slices that are in order.

    Args:
        headers: From :func:`~lsnet_mm.volumes.stacking.sort_slices`.

    Returns:
        Volume: int16 HU, Fortran order: columns, rows, slices.

    Raises:
        VolumeError: If a file has no voxels, is truncated, cannot be decoded or does not fit int16.
    """
    stack = np.empty((len(headers), *headers[0].shape), np.int16)
    for header, slice_ in zip(headers, stack, strict=True):
        slice_[:] = _to_hu(header, _read_pixels(header.path))
    return Volume(stack.T, stack_affine(headers))


def _read_pixels(path: Path) -> np.ndarray:
    """Stored values (rows, columns) of one file, before rescaling."""
    where = public_name(path)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # they quote values of the header
        try:
            return _decode(pydicom.dcmread(path), where)
        except VolumeError:
            raise
        except (OSError, ValueError, EOFError) as error:
            raise VolumeError(where, 'the file is truncated or damaged', RELOAD) from error


def _decode(data: pydicom.Dataset, where: str) -> np.ndarray:
    if 'PixelData' not in data:
        raise VolumeError(where, 'the file has no pixel data', RELOAD)
    try:
        return data.pixel_array
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        syntax = data.file_meta.get('TransferSyntaxUID')
        reason = f'its encoding, {syntax.name if syntax else "unknown"}, cannot be decoded'
        fix = "Install the decoders, pip install 'lsnet_mm[dicom]', or download it again"
        raise VolumeError(where, reason, fix) from error


def _to_hu(header: SliceHeader, pixels: np.ndarray) -> np.ndarray:
    if (header.slope, header.intercept) == (1, 0):
        values = pixels
    else:
        values = np.rint(pixels * header.slope + header.intercept)
    if values.dtype != np.int16 and (values.min() < INT16.min or values.max() > INT16.max):
        reason = f'values from {values.min():.0f} to {values.max():.0f} are no HU'
        raise VolumeError(public_name(header.path), reason, 'Check its RescaleSlope and Intercept')
    return values
