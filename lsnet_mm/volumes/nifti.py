"""NIfTI volumes: whole ones in and out, and slices out of uncompressed files, one read each."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from .volume import Volume, VolumeError, public_name

GZIP = b'\x1f\x8b'
#: How the fields begin that place a volume in space. Nothing else of a header is taken over: it
#: may hold names.
GEOMETRY = ('pixdim', 'qform', 'sform', 'quatern', 'qoffset', 'srow', 'xyzt_units')


def read_nifti(path: str | Path, scaled: type = np.float64) -> Volume:
    """Read a whole 3D volume, in the units of the file.

    Args:
        path: The file; whether it is compressed its first bytes say, not its name.
        scaled: Floating dtype of the voxels where the file has a slope or an intercept.

    Returns:
        Volume: In the dtype of the file, or ``scaled``.

    Raises:
        VolumeError: If the file is missing, damaged or not 3D.
    """
    path = Path(path)
    where = public_name(path)
    try:
        with _open(path) as file:
            image = nib.Nifti1Image.from_stream(file)
            proxy = image.dataobj
            plain = (proxy.slope, proxy.inter) == (1, 0)
            voxels = np.asarray(proxy, None if plain else scaled)
            if isinstance(file, gzip.GzipFile):
                file.read()  # to the end, where the checksum is
    except MemoryError:
        raise
    except Exception as error:  # gzip, zlib and nibabel know a dozen kinds for broken bytes
        reason = 'the file is no NIfTI volume, or truncated'
        raise VolumeError(where, reason, 'Download or unpack it again') from error
    if voxels.ndim != 3:
        reason = f'it holds an array of shape {voxels.shape}, not (x, y, slices)'
        raise VolumeError(where, reason, 'Split it into 3D volumes')
    return Volume(voxels, image.affine)


def pack_nifti(
    volume: Volume, like: str | Path | None = None, scale: float = 1.0, compressed: bool = True
) -> bytes:
    """The content of a NIfTI-1 file. The same volume, the same bytes.

    Args:
        volume: Of an integer dtype that NIfTI knows.
        like: NIfTI file whose geometry is taken over to the bit; None: that of ``volume``.
        scale: What a stored 1 means.
        compressed: As ``.nii.gz``, else as ``.nii``.
    """
    image = nib.Nifti1Image(volume.voxels, None)
    image.header.set_qform(volume.affine, code='scanner')
    image.header.set_sform(volume.affine, code='scanner')
    image.header.set_xyzt_units('mm')
    if like is not None:
        with _open(Path(like)) as file:
            source = nib.Nifti1Header.from_fileobj(file)
        for name in source:
            if name.startswith(GEOMETRY):
                image.header[name] = source[name]
    image.header.set_slope_inter(scale, 0)
    content = image.to_bytes()
    return gzip.compress(content, compresslevel=6, mtime=0) if compressed else content


def _open(path: Path):
    with path.open('rb') as file:
        packed = file.read(len(GZIP)) == GZIP
    return (gzip.open if packed else open)(path, 'rb')


def open_nifti(path: str | Path) -> nib.Nifti1Image:
    """Open a 3D NIfTI volume without reading its voxels.

    Args:
        path: An uncompressed ``.nii`` file. A compressed one cannot be read slice by slice: every
            slice would cost the decompression of the whole volume.

    Returns:
        nib.Nifti1Image: Axis 0 is x (columns), axis 1 is y (rows), axis 2 the slices.

    Raises:
        ValueError: If the file is compressed, unreadable or not 3D.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    if path.suffix == '.gz':
        raise ValueError(
            f'{path} is compressed and cannot be read slice by slice. '
            'Prepare the data uncompressed (.nii).'
        )
    try:
        image = nib.load(path)
    except ImageFileError as error:
        raise ValueError(f'{path} is not a NIfTI file ({error}). Prepare it again.') from error
    if len(image.shape) != 3:
        raise ValueError(f'{path} must hold a 3D volume (x, y, slices), got shape {image.shape}.')
    return image


def read_slice(path: str | Path, index: int) -> np.ndarray:
    """Read one slice, in the units of the file (slope and intercept applied).

    NIfTI is stored in Fortran order, so slice ``[:, :, index]`` is one contiguous block and
    nothing else is read from the file.

    Args:
        path: An uncompressed ``.nii`` file, see :func:`open_nifti`.
        index: Slice number, from 0.

    Returns:
        np.ndarray: (H, W) = (y, x), in the dtype of the file.

    Raises:
        ValueError: If the volume has no such slice.
    """
    image = open_nifti(path)
    if not 0 <= index < image.shape[2]:
        raise ValueError(f'{path} has slices 0 to {image.shape[2] - 1}, there is no {index}.')
    return np.asarray(image.dataobj[..., index]).T
