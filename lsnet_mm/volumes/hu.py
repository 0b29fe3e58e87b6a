"""CT volumes from a disk in HU: a DICOM series or a NIfTI file."""

import warnings
from pathlib import Path

import numpy as np
import pydicom

from .nifti import read_nifti
from .series import RELOAD, SliceHeader, ct_series, find_series, sort_slices, stack_affine
from .volume import Volume, VolumeError, public_name

INT16 = np.iinfo(np.int16)


def read_hu(path: str | Path) -> Volume:
    """Read a CT volume: the only CT series below a folder, or a NIfTI file.

    Args:
        path: ``.nii`` or ``.nii.gz`` file, or a folder. In a folder files are searched at any
            depth; localizers, dose reports and the like are left out.

    Returns:
        Volume: HU. Of a NIfTI file in its dtype, float32 where it scales its values; of a series
        see :func:`read_slices`.

    Raises:
        VolumeError: If there is no series or more than one, a file is damaged, or one of the checks
            of :func:`~lsnet_mm.volumes.sort_slices` fails; if voxels are no numbers, or those of a
            NIfTI file are no HU: none below 0, as in a label or an 8-bit image.
    """
    path = Path(path)
    if path.is_dir():
        series, broken = find_series(path)
        for file in broken:
            raise VolumeError(public_name(file.path), file.reason, RELOAD)
        series, _ = ct_series(series)
        if len(series) != 1:
            reason = f'it holds {len(series)} series'
            raise VolumeError('the folder', reason, 'Name the folder of one')
        return read_slices(sort_slices(series[0]))
    volume, where = read_nifti(path, scaled=np.float32), public_name(path)
    if volume.voxels.dtype.kind not in 'iuf':
        reason = f'its voxels are {volume.voxels.dtype}, colours or complex numbers'
        raise VolumeError(where, reason, 'Export the volume in HU, one number a voxel')
    least = 0
    for k in range(volume.voxels.shape[2]):
        check_finite(volume.voxels[..., k], k, where)
        least = min(least, volume.voxels[..., k].min())
    if least >= 0:
        reason = 'its values are no HU: none is below 0, and a scan has fat and air'
        raise VolumeError(where, reason, 'Give the scan itself, with its values rescaled to HU')
    return volume


def check_finite(voxels: np.ndarray, number: int, where: str = 'the volume') -> None:
    """Refuse a slice with voxels that are no numbers.

    Raises:
        VolumeError: If one is NaN or infinite.
    """
    if voxels.dtype.kind == 'f' and not np.isfinite(voxels).all():
        reason = f'slice {number} holds voxels that are NaN or infinite'
        raise VolumeError(where, reason, 'Replace them by the HU of air, -1000')


def read_slices(headers: list[SliceHeader]) -> Volume:
    """Read and stack slices that are in order.

    Args:
        headers: From :func:`~lsnet_mm.volumes.sort_slices`.

    Returns:
        Volume: int16 HU, Fortran order: columns, rows, slices.

    Raises:
        VolumeError: If a file has no voxels, is truncated, cannot be decoded or does not fit int16.
    """
    stack = np.empty((len(headers), *headers[0].shape), np.int16)
    for header, slice_ in zip(headers, stack, strict=True):
        slice_[:] = _read_slice(header.path)
    return Volume(stack.T, stack_affine(headers))


def _read_slice(path: Path) -> np.ndarray:
    """HU (rows, columns) of one file."""
    where = public_name(path)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # they quote values of the header
        try:
            data = pydicom.dcmread(path)
        except Exception as error:  # pydicom has no error of its own for broken bytes
            raise VolumeError(where, 'the file is truncated or damaged', RELOAD) from error
        try:
            if 'PixelData' not in data:
                raise VolumeError(where, 'the file has no pixel data', RELOAD)
            values = data.pixel_array
            slope = float(data.get('RescaleSlope') or 1)
            intercept = float(data.get('RescaleIntercept') or 0)
        except VolumeError:
            raise
        except (OSError, ValueError, TypeError, EOFError) as error:
            raise VolumeError(where, 'the file is truncated or damaged', RELOAD) from error
        except (RuntimeError, AttributeError) as error:
            syntax = data.file_meta.get('TransferSyntaxUID')
            reason = f'its encoding, {syntax.name if syntax else "unknown"}, cannot be decoded'
            fix = "Install the decoders, pip install 'lsnet_mm[dicom]', or download it again"
            raise VolumeError(where, reason, fix) from error
    if (slope, intercept) != (1, 0):
        values = np.rint(values * slope + intercept)
    if values.dtype != np.int16 and (values.min() < INT16.min or values.max() > INT16.max):
        reason = f'values from {values.min():.0f} to {values.max():.0f} are no HU'
        raise VolumeError(where, reason, 'Check its RescaleSlope and Intercept')
    return values
