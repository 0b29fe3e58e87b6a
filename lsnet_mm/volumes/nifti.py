"""NIfTI volumes: whole ones in and out, and slices out of uncompressed files, one read each."""

import gzip
import math
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from .memory import check_memory
from .nifti_file import (
    AGAIN,
    GZIP,
    NO_NIFTI,
    millimetres,
    open_file,
    quiet,
    read_image,
    shape_of,
)
from .volume import Volume, VolumeError, public_name

#: So many times its own size a compressed file can be at most: the limit of deflate.
INFLATION = 1032
#: How the fields begin that place a volume in space. Nothing else of a header is taken over: it
#: may hold names.
GEOMETRY = ('pixdim', 'qform', 'sform', 'quatern', 'qoffset', 'srow', 'xyzt_units')
#: Voxels of a patient are larger and smaller than this, in mm.
SIZES = (0.02, 50.0)


def read_nifti(path: str | Path, scaled: type = np.float64) -> Volume:
    """Read a whole 3D volume, in the units of the file.

    Args:
        path: A file of NIfTI-1 or NIfTI-2. What it is and whether it is compressed its first bytes
            say, not its name. Axes of length 1 after the third are dropped.
        scaled: Floating dtype of the voxels where the file has a slope or an intercept.

    Returns:
        Volume: In the dtype of the file, or ``scaled``; its affine in mm, whatever the file's unit
        of length. Whether it says where the volume lies :func:`check_placement` tells.

    Raises:
        VolumeError: If the file is missing, damaged, not 3D, or holds more or less than its header
            tells of; if its voxels are no real numbers; if it is too large for its file, for a
            scan, or for the memory, before any of it is read.
    """
    path = Path(path)
    where = public_name(path)
    try:
        with open_file(path) as file, quiet():
            image = read_image(file, where)
            proxy, header = image.dataobj, image.header
            shape = shape_of(header, where)
            own = path.stat().st_size
            packed = isinstance(file, gzip.GzipFile)
            end = proxy.offset + math.prod(shape) * proxy.dtype.itemsize
            if end > own * (INFLATION if packed else 1):
                raise VolumeError(where, 'it is smaller than its header says', AGAIN)
            plain = (proxy.slope, proxy.inter) == (1, 0)
            each = proxy.dtype.itemsize + (0 if plain else np.dtype(scaled).itemsize)
            check_memory(where, math.prod(shape), each)
            voxels = np.asarray(proxy, None if plain else scaled).reshape(shape, order='F')
            one = voxels[..., 0].size * proxy.dtype.itemsize
            # To the end, where the checksum is, but no further than a slice.
            rest = len(file.read(one)) if packed else own - end
            if rest >= one:
                reason = 'it holds more slices than its header says'
                raise VolumeError(where, reason, 'Correct the header, or export it again')
    except (MemoryError, VolumeError):
        raise
    except Exception as error:  # gzip, zlib and nibabel know a dozen kinds for broken bytes
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk, not of the bytes
        raise VolumeError(where, NO_NIFTI, AGAIN) from error
    affine = image.affine.copy()
    affine[:3] *= millimetres(header)
    return Volume(voxels, affine)


def check_placement(path: str | Path) -> tuple[str, ...]:
    """Refuse a volume whose header does not say credibly how it lies in the patient.

    A net sees slices as its training data had them, so that of a volume which lies in another way
    than it says is shown upside down or mirrored, and finds something there all the same.

    Args:
        path: A file that :func:`read_nifti` reads.

    Returns:
        tuple[str, ...]: Empty, or what had to be assumed, as the end of a sentence about it: where
        both codes of orientation are 0 it is read as nibabel reads it.

    Raises:
        VolumeError: If sform and qform both have a code and put a corner more than a voxel apart;
            if the one that counts (the sform, where it has a code) is no number, flat, sheared by
            three degrees, or the bare identity that programs write which know no orientation; if
            voxels are implausibly small or large in mm.
    """
    where = public_name(Path(path))
    with open_file(Path(path)) as file, quiet():
        header = read_image(file, where).header
        shape = shape_of(header, where)
        file.seek(0)  # for sizes that nibabel would put right by a guess
        stored = type(header)(file.read(header.sizeof_hdr), check=False)['pixdim'][1:4]
    forms = [name for name in ('sform', 'qform') if header[f'{name}_code'] > 0]
    used = [*forms, 'header'][0]
    try:
        placed = {name: getattr(header, f'get_{name}')() for name in forms}
        placed = placed or {used: header.get_base_affine()}
    except (nib.spatialimages.HeaderDataError, ValueError, ArithmeticError) as error:
        raise VolumeError(where, 'its qform is no rotation', 'Export it again') from error
    affine = placed[used]
    sizes = nib.affines.voxel_sizes(affine)
    positive = used == 'sform' or (stored > 0).all()
    if not np.isfinite(affine).all() or not sizes.all() or not positive:
        reason = f'its {used} has numbers that place nothing (NaN, infinite, 0 or negative sizes)'
        raise VolumeError(where, reason, 'Export it again')
    if len(placed) == 2:
        corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape]), -1).reshape(-1, 3)
        apart = np.subtract(*(nib.affines.apply_affine(one, corners) for one in placed.values()))
        if not np.linalg.norm(apart, axis=1).max() <= sizes.min():
            reason = 'its sform and its qform contradict each other'
            fix = 'Set both to the right one, as image.set_qform(image.affine) of nibabel does'
            raise VolumeError(where, reason, fix)
    axes = affine[:3, :3] / sizes
    if abs(axes.T @ axes - np.eye(3)).max() > 0.05:
        reason = f'the axes of its {used} are not at right angles'
        raise VolumeError(where, reason, 'Resample it to straight slices first')
    if np.array_equal(abs(affine), np.eye(4)):
        reason = f'its {used} is a bare identity, as of programs that know no orientation'
        raise VolumeError(where, reason, 'Export it again, with its orientation and voxel size')
    sizes = sizes * millimetres(header)
    if sizes.min() < SIZES[0] or sizes.max() > SIZES[1]:
        reason = f'its voxels are {" x ".join(f"{size:.3g}" for size in sizes)} mm'
        raise VolumeError(where, reason, f'Correct its {used}, or its unit of length')
    if forms:
        return ()
    codes = ''.join(nib.aff2axcodes(affine))
    return (f'does not say how it lies in the patient, so {codes} was assumed: look at the mask',)


def pack_nifti(
    volume: Volume, like: str | Path | None = None, scale: float = 1.0, compressed: bool = True
) -> bytes:
    """The content of a NIfTI-1 file. The same volume, the same bytes.

    Args:
        volume: Of an integer dtype that NIfTI knows.
        like: NIfTI file whose geometry is taken over to the bit; None: that of ``volume``.
        scale: What a stored 1 means.
        compressed: As ``.nii.gz``, else as ``.nii``.

    Raises:
        VolumeError: If it is irregular: NIfTI has no place for each slice.
    """
    if volume.irregular:
        raise volume.irregular
    image = nib.Nifti1Image(volume.voxels, None)
    image.header.set_qform(volume.affine, code='scanner')
    image.header.set_sform(volume.affine, code='scanner')
    image.header.set_xyzt_units('mm')
    if like is not None:
        with open_file(Path(like)) as file, quiet():
            source = read_image(file, public_name(Path(like))).header
        for name in source:
            if name.startswith(GEOMETRY):
                image.header[name] = source[name]
    image.header.set_slope_inter(scale, 0)
    content = image.to_bytes()
    return gzip.compress(content, compresslevel=6, mtime=0) if compressed else content


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
    packed = path.suffix.lower() == '.gz'
    if path.is_file() and not packed:
        with path.open('rb') as file:
            packed = file.read(len(GZIP)) == GZIP
    if packed:
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
