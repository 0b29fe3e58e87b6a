"""CT volumes from a disk in HU: a DICOM series or a NIfTI file."""

import warnings
from pathlib import Path

import numpy as np
import pydicom

from .nifti import check_placement, read_nifti
from .series import RELOAD, SliceHeader, ct_series, find_series, sort_slices, stack_affine
from .volume import Volume, VolumeError, public_name

INT16 = np.iinfo(np.int16)


def read_hu(path: str | Path, assume_hu: bool = False) -> Volume:
    """Read a CT volume: the only CT series below a folder, or a NIfTI file.

    Args:
        path: ``.nii`` or ``.nii.gz`` file, or a folder. In a folder files are searched at any
            depth; localizers, dose reports and the like are left out.
        assume_hu: Skip :func:`check_hu`.

    Returns:
        Volume: HU. Of a NIfTI file in its dtype, float32 where it scales its values; of a series
        see :func:`read_slices`.

    Raises:
        VolumeError: If there is no series or more than one, a file is damaged, or one of the checks
            of :func:`~lsnet_mm.volumes.sort_slices` fails; if voxels are no numbers or no HU, or a
            NIfTI file does not say how it lies in the patient.
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
        return read_slices(sort_slices(series[0]), assume_hu)
    volume, where = read_nifti(path, scaled=np.float32), public_name(path)
    for k in range(volume.voxels.shape[2]):
        check_finite(volume.voxels[..., k], k, where)
    if not assume_hu:
        check_hu(volume.voxels, where)
    return Volume(volume.voxels, volume.affine, check_placement(path))


def check_hu(voxels: np.ndarray, where: str = 'the volume') -> None:
    """Refuse voxels that are not in HU.

    No mean, median or extreme tells: they follow how much air a scan shows, and one voxel of
    padding or undershoot is below any limit. What HU have and no other scale has is where the parts
    of a body lie: fat a little below the water at 0, air far below both. So we ask for shares:

    - *fat*, -200 to -30: at least 2% of what is above -300. 20 to 50% in an abdomen or a chest, 35%
      or more in a box around a pancreas, several percent in a head, with contrast or without; none
      in HU + 1024, 0..1, -1..1, z-scores, 0..255 and MR, 0.1% where resampling made some negative.
    - *dense*, above 700: at most 20%, unless 5% are air (below -600). Bone and metal are 0 to 10%;
      HU + 1024 puts the whole body there, 25 to 60%, also where noise makes fat of its air at 24.
    - *air*: at most 99.5%. HU - 1024, an intercept subtracted twice, makes it of all soft tissue.
    - *beyond* -1200, where it is no padding, which is one value or a few: at most 5%. Air is there
      in HU - 1024 and in multiples of HU. What is below -1024 counts for nothing else.

    A window of HU that was cut, such as -100..240, is HU. Exactly -128 to 127 are 8 bits.

    Args:
        voxels: (X, Y, Z), of any real dtype, finite.
        where: What they are of, for the message.

    Raises:
        VolumeError: If one of the shares is another, or a value is above those of int16.
    """
    across, along = -(-max(voxels.shape[:2]) // 128), -(-voxels.shape[2] // 64)
    seen = voxels[::across, ::across, ::along]  # a share needs no more
    beyond, seen = seen[seen < -1200], seen[seen >= -1024]
    body = seen[seen > -300]
    fat = np.count_nonzero((body >= -200) & (body <= -30))
    air, dense = np.count_nonzero(seen < -600), np.count_nonzero(seen > 700)
    padding = beyond.size <= 0.05 * (beyond.size + seen.size) or np.unique(beyond).size <= 8
    low, high = voxels.min(), voxels.max()
    reason = f'values from {low:g} to {high:g} are no HU'
    if low >= 0:
        reason = 'its values are no HU: none is below 0, and a scan has fat and air'
    elif (
        high <= INT16.max
        and (low, high) != (-128, 127)
        and fat >= 0.02 * body.size
        and (dense <= 0.2 * seen.size or air >= 0.05 * seen.size)
        and air <= 0.995 * seen.size
        and padding
    ):
        return
    fix = 'Export the CT before any normalisation; if this is HU, say so (--assume-hu)'
    raise VolumeError(where, reason, fix)


def check_finite(voxels: np.ndarray, number: int, where: str = 'the volume') -> None:
    """Refuse a slice with voxels that are no numbers.

    Raises:
        VolumeError: If one is NaN or infinite.
    """
    if voxels.dtype.kind == 'f' and not np.isfinite(voxels).all():
        reason = f'slice {number} holds voxels that are NaN or infinite'
        raise VolumeError(where, reason, 'Replace them by the HU of air, -1000')


def read_slices(headers: list[SliceHeader], assume_hu: bool = False) -> Volume:
    """Read and stack slices that are in order.

    Args:
        headers: From :func:`~lsnet_mm.volumes.sort_slices`.
        assume_hu: Skip :func:`check_hu`.

    Returns:
        Volume: int16 HU, Fortran order: columns, rows, slices.

    Raises:
        VolumeError: If a file has no voxels, is truncated, cannot be decoded or does not fit int16;
            or if the voxels are no HU.
    """
    stack = np.empty((len(headers), *headers[0].shape), np.int16)
    for header, slice_ in zip(headers, stack, strict=True):
        slice_[:] = _read_slice(header.path)
    if not assume_hu:
        check_hu(stack.T, f'a series of {len(headers)} files')
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
