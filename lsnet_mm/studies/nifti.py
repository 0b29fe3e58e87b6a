"""NIfTI files of masks and probabilities, in the frame of what they were made from."""

import gzip
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from ..volumes import Volume

#: All that places a volume in space. Nothing else of a header is taken over: it may hold names.
GEOMETRY = (
    'pixdim',
    'qform_code',
    'sform_code',
    'quatern_b',
    'quatern_c',
    'quatern_d',
    'qoffset_x',
    'qoffset_y',
    'qoffset_z',
    'srow_x',
    'srow_y',
    'srow_z',
    'xyzt_units',
)


def pack_nifti(volume: Volume, like: Path | None = None, scale: float = 1.0) -> bytes:
    """A compressed NIfTI-1 file. The same volume, the same bytes.

    Args:
        volume: uint8.
        like: NIfTI file whose geometry is taken over to the bit; None: that of ``volume``.
        scale: What a stored 1 means.

    Returns:
        bytes: Content of a ``.nii.gz`` file.
    """
    header = nib.Nifti1Header()
    header.set_data_dtype(volume.voxels.dtype)
    header.set_data_shape(volume.voxels.shape)
    if like is None:
        header.set_qform(volume.affine, code='scanner')
        header.set_sform(volume.affine, code='scanner')
        header.set_xyzt_units('mm')
    else:
        source = _read_header(like)
        for name in GEOMETRY:
            header[name] = source[name]
    header.set_slope_inter(scale, 0)
    header['vox_offset'] = 352
    header['magic'] = b'n+1'
    packer = zlib.compressobj(level=6, wbits=31)  # gzip without name and time
    packed = [packer.compress(header.binaryblock + bytes(4))]  # four zeros: no extensions
    for k in range(volume.voxels.shape[2]):
        packed.append(packer.compress(np.ascontiguousarray(volume.voxels[..., k].T)))
    return b''.join([*packed, packer.flush()])


def _read_header(path: Path) -> nib.Nifti1Header:
    with (gzip.open if path.name.lower().endswith('.gz') else open)(path, 'rb') as file:
        return nib.Nifti1Header.from_fileobj(file)
