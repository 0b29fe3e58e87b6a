"""CT volumes from a disk in HU: a DICOM series or a NIfTI file."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from .choice import check_numbers, choose_series
from .header import PHANTOM, SliceHeader, read_header
from .nifti import check_placement, read_nifti
from .nifti_file import is_nifti
from .pixels import ORIGINAL, read_pixels
from .series import Series, ct_series, find_series
from .stack import find_irregularity, sort_slices, stack_affine, stack_heights, stack_step
from .volume import RELOAD, Volume, VolumeError, public_name

INT16 = np.iinfo(np.int16)
#: HU below which there is nothing: the scale of 12 bits begins there.
AIR = -1024
#: What slices of one series agree in, and its name in DICOM.
ALIKE = {
    'slope': 'RescaleSlope',
    'intercept': 'RescaleIntercept',
    'unit': 'RescaleType',
    'signed': 'PixelRepresentation',
    'padding': 'padding (PixelPaddingValue and RangeLimit)',
}


def read_hu(path: str | Path, assume_hu: bool = False, series: int | None = None) -> Volume:
    """Read a CT volume: a CT series below a folder, a NIfTI file, or a single DICOM file.

    Of the series of one visit it is the one that :func:`choose_series` says, and its notes say so.

    Args:
        path: ``.nii``, ``.nii.gz`` or DICOM file, or a folder, in which files are searched at any
            depth; localizers, dose reports and the like are left out.
        assume_hu: Skip :func:`check_hu`.
        series: Of a folder, the number of the series, as ``lsnet-segment --list`` shows it.

    Returns:
        Volume: HU. Of a NIfTI file in its dtype, float32 where it scales its values; of a series
        see :func:`read_slices`.

    Raises:
        VolumeError: If there is no series or those of several visits, a file is damaged, or one of
            the checks of :func:`~lsnet_mm.volumes.sort_slices` fails; if voxels are no numbers or
            no HU, or a NIfTI file does not say how it lies in the patient.
    """
    path = Path(path)
    if path.is_dir():
        everything, broken = find_series(path)
        for file in broken:
            fix = 'Copy the series again, or remove the file if it is none of it'
            raise VolumeError(public_name(file.path), f'the file {file.reason}', fix)
        return _read_chosen(everything, assume_hu, series)
    if path.is_file() and not is_nifti(path) and isinstance(one := read_header(path), SliceHeader):
        return read_slices(sort_slices(Series((one,))), assume_hu)
    volume, where = read_nifti(path, scaled=np.float32), public_name(path)
    for k in range(volume.voxels.shape[2]):
        check_finite(volume.voxels[..., k], k, where)
    if not assume_hu:
        check_hu(volume.voxels, where)
    return Volume(volume.voxels, volume.affine, check_placement(path))


def _read_chosen(everything: list[Series], assume_hu: bool, number: int | None) -> Volume:
    scans, _ = ct_series(everything)
    wanted = None if number is None else {number}
    visits = choose_series(everything, scans, wanted)
    if len(visits) != 1 or sum(one.chosen for one in visits[0]) > 1:
        of_one = f'{len(scans) if visits else 0} series'
        reason = f'it holds {f"{len(visits)} visits" if len(visits) > 1 else of_one}'
        fix = 'Name the folder of one visit of a patient, or pictures one by one'
        raise VolumeError('the folder', reason, fix)
    check_numbers(visits[0], wanted, 'the folder')
    [chosen] = [one for one in visits[0] if one.chosen]
    volume = read_slices(sort_slices(chosen.series), assume_hu)
    if wanted or sum(one.series in scans for one in visits[0]) < 2:
        return volume
    note = f'is series {chosen.number} of {chosen.of} of its visit, {chosen.reason}'
    return replace(volume, notes=(*volume.notes, note))


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
    fix = (
        'Export the CT before any normalisation; if this is HU, say so: --assume-hu, assume_hu=True'
    )
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
        Volume: int16 HU, Fortran order: columns, rows, slices. What is padding, or below any HU, is
        air: -1024. It is ``irregular`` where slices are missing, uneven or tilted.

    Raises:
        VolumeError: If the headers say that voxels are no HU, or no slices of one series; if a file
            has no voxels, is truncated, cannot be decoded or does not fit int16; or if the voxels
            are no HU.
    """
    for header in headers:
        _check_voxels(header)
    _check_alike(headers)
    stack = np.empty((len(headers), *headers[0].shape), np.int16)
    for header, values, slice_ in zip(headers, read_pixels(headers), stack, strict=True):
        slice_[:] = _rescale(header, values)
    if not assume_hu:
        check_hu(stack.T, f'a series of {len(headers)} files')
    phantom = all(header.manufacturer == PHANTOM for header in headers)
    volume = Volume(stack.T, stack_affine(headers), phantom=phantom)
    irregular = find_irregularity(headers)
    if len(headers) == 1:
        said = 'as its header says'
        if headers[0].thickness is None:
            said = 'which stands for what its header does not say, in millilitres too'
        note = f'is a single slice of {stack_step(headers):g} mm, {said}'
        return replace(volume, notes=(note,))
    if not irregular:
        return volume
    notes = (f'has no straight grid, which NIfTI needs: {irregular}',)
    return replace(volume, notes=notes, irregular=irregular, heights=stack_heights(headers))


def _check_voxels(header: SliceHeader) -> None:
    """By its header, a slice holds numbers that can be HU."""
    allocated, stored, highest = header.bits
    fix, reason = ORIGINAL, None
    if allocated not in (8, 16, 32) or not 0 < (stored or 0) <= allocated:
        found = _said((allocated, stored))
        reason, fix = f'its BitsAllocated and BitsStored are {found}, which do not fit', RELOAD
    elif highest not in (None, stored - 1):
        reason, fix = f'its HighBit is {highest}, of {stored} BitsStored', RELOAD
    elif stored <= 8:
        reason = f'its voxels have {stored} bits, too few for HU'
    elif header.signed not in (0, 1):
        reason, fix = 'it has no PixelRepresentation, so the sign of its voxels is unknown', RELOAD
    elif header.table:
        reason = 'it maps its voxels by a ModalityLUTSequence, which is not supported'
    elif header.unit not in ('', 'HU', 'US'):
        reason = 'its RescaleType is not HU'
    elif header.slope is not None and not 0 < header.slope < np.inf:
        reason = f'its RescaleSlope is {header.slope}, no positive number'
    elif header.intercept is not None and not np.isfinite(header.intercept):
        reason = f'its RescaleIntercept is {header.intercept}, no number'
    if reason:
        raise VolumeError(header.name, reason, fix)


def _check_alike(headers: list[SliceHeader]) -> None:
    """One series has one scale, or the first slice with another than most have is named."""
    for attribute, keyword in ALIKE.items():
        counts = Counter(getattr(header, attribute) for header in headers)
        usual, _ = counts.most_common(1)[0]
        for header in headers if len(counts) > 1 else ():
            if (value := getattr(header, attribute)) != usual:
                reason = f'its {keyword} is {_said(value)}, of most slices {_said(usual)}'
                raise VolumeError(header.name, reason, RELOAD)


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ' and '.join(map(_said, value))
    return 'none' if value in (None, '') else str(value)


def _rescale(header: SliceHeader, values: np.ndarray) -> np.ndarray:
    """HU of stored values."""
    slope, intercept = header.slope or 1, header.intercept or 0
    hu = values if values.dtype == np.int16 else values.astype(np.int64)
    if (slope, intercept) != (1, 0):
        hu = np.rint(values * slope + intercept)
    first, last = header.padding
    if first is not None:
        # Often it is written without regard to the sign of voxels: -2000 as 63536.
        last = first if last is None else last
        ends = np.array([first, last], np.int64).astype(values.dtype)
        if (first <= last) != (ends[0] <= ends[1]):  # a range that is none with that sign
            ends = ends[:1]
        hu = np.where((values >= ends.min()) & (values <= ends.max()), AIR, hu)
    hu = np.maximum(hu, AIR)
    if hu.max() > INT16.max:
        reason = f'values up to {hu.max():.0f} are no HU'
        raise VolumeError(header.name, reason, 'Check its RescaleSlope and Intercept')
    return hu
