"""Volumes of HU from a disk, whatever their format."""

from pathlib import Path

import numpy as np

from .dicom import read_dicom
from .errors import VolumeError, public_name
from .nifti import read_nifti
from .volume import Volume


def read_hu(path: str | Path) -> Volume:
    """Read a CT volume: the only CT series below a folder, or a NIfTI file.

    Args:
        path: Folder, or ``.nii`` or ``.nii.gz`` file.

    Returns:
        Volume: HU, in the dtype of the file; float32 where a NIfTI file scales its values.

    Raises:
        VolumeError: See :func:`read_dicom` and :func:`read_nifti`; or if voxels are no numbers, or
            those of a NIfTI file are no HU: none below 0, as in a label or an 8-bit image.
    """
    path = Path(path)
    if path.is_dir():
        return read_dicom(path)
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
