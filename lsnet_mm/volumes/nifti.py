"""NIfTI volumes: whole ones in and out, and slices out of uncompressed files, one read each."""

import gzip
import zlib
from itertools import chain
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from ..files import write_atomic
from .errors import VolumeError, public_name
from .volume import Volume


def read_nifti(path: str | Path, scaled: type | None = None) -> Volume:
    """Read a whole 3D volume, compressed or not, in the units of the file.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.
        scaled: dtype of the voxels where the file has a slope or an intercept; None: as nibabel
            has it, which is float64. Given, the volume is scaled slice by slice, in less memory.

    Returns:
        Volume: In the dtype of the file; with a slope or an intercept, floating point.

    Raises:
        VolumeError: If the file is missing, damaged or not 3D.
    """
    path = Path(path)
    where = public_name(path)
    try:
        content = path.read_bytes()
        if path.suffix == '.gz':
            content = _inflate(content)
        image = nib.Nifti1Image.from_bytes(content)
        voxels = _voxels(image.dataobj, content, scaled)
    except MemoryError:
        raise
    except Exception as error:  # gzip, zlib and nibabel know a dozen kinds for broken bytes
        reason = 'the file is no NIfTI volume, or truncated'
        raise VolumeError(where, reason, 'Download or unpack it again') from error
    if voxels.ndim != 3:
        reason = f'it holds an array of shape {voxels.shape}, not (x, y, slices)'
        raise VolumeError(where, reason, 'Split it into 3D volumes')
    return Volume(voxels, image.affine)


def _inflate(packed: bytes) -> bytes:
    """What gzip.decompress does, several times as fast: the last four bytes tell the size."""
    size = min(int.from_bytes(packed[-4:], 'little'), 1032 * len(packed))  # deflate packs no denser
    content = zlib.decompress(packed, wbits=31, bufsize=max(size, 1))
    # Where these are not the bytes of a single member, its last four bytes spoke of another.
    return content if len(content) == size else gzip.decompress(packed)


def _voxels(proxy: nib.arrayproxy.ArrayProxy, content: bytes, scaled: type | None) -> np.ndarray:
    """The array of a file's bytes, without the two copies that nibabel makes."""
    plain = (proxy.slope, proxy.inter) == (1, 0)
    if not plain and scaled is None:
        return np.asanyarray(proxy)
    count = int(np.prod(proxy.shape))
    flat = np.frombuffer(content, proxy.dtype, count, int(proxy.offset))
    voxels = flat.reshape(proxy.shape, order='F')
    if plain:
        return voxels
    values = np.empty(voxels.shape, scaled, order='F')
    for k in range(voxels.shape[-1]):
        values[..., k] = voxels[..., k] * proxy.slope + proxy.inter
    return values


def write_nifti(path: str | Path, volume: Volume) -> None:
    """Write an uncompressed NIfTI-1 file, whole or not at all. The same volume, the same bytes.

    Args:
        path: A ``.nii`` file; it is replaced. Its folder must exist.
        volume: Of an integer dtype that NIfTI knows.

    Raises:
        OSError: If it cannot be written.
    """
    header = nib.Nifti1Header()
    header.set_data_dtype(volume.voxels.dtype)
    header.set_data_shape(volume.voxels.shape)
    header.set_qform(volume.affine, code='scanner')
    header.set_sform(volume.affine, code='scanner')
    header.set_xyzt_units('mm')
    header['vox_offset'] = 352
    header['magic'] = b'n+1'
    head = header.binaryblock + bytes(4)  # four zeros: no extensions
    write_atomic(path, chain([head], map(_chunk, volume.voxels.T)))


def _chunk(one: np.ndarray) -> np.ndarray | int:
    """A slice as it is written: most slices of a label are empty, and nothing is to be written."""
    empty = not one[0, 0] and not one.any()  # the corner alone tells that an image is not
    return one.nbytes if empty else np.ascontiguousarray(one)


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
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist. Prepare the data again.')
    try:
        image = nib.load(path)
    except ImageFileError as error:
        raise ValueError(f'{path} is not a NIfTI file ({error}). Prepare it again.') from error
    if len(image.shape) != 3:
        raise ValueError(f'{path} must hold a 3D volume (x, y, slices), got shape {image.shape}.')
    return image


def slice_spacing(image: nib.Nifti1Image) -> tuple[float, float, float]:
    """Voxel size of a volume as (row, column, slice) in mm, the order of a slice's axes."""
    x, y, z = (float(size) for size in image.header.get_zooms())
    return y, x, z


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


def foreground_slices(path: str | Path) -> list[int]:
    """Numbers of the slices of a label volume that hold any label.

    Args:
        path: An uncompressed ``.nii`` file, see :func:`open_nifti`.

    Returns:
        list[int]: Increasing, from 0.
    """
    # A memory map: the volume passes through memory slice by slice, never whole.
    voxels = np.asanyarray(open_nifti(path).dataobj)
    return [k for k in range(voxels.shape[2]) if voxels[..., k].any()]
