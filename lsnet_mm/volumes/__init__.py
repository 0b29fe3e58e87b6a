"""CT volumes in and out: DICOM series and NIfTI files, with their geometry."""

from .dicom import read_dicom, read_slices
from .errors import VolumeError, public_name
from .hu import check_finite, read_hu
from .nifti import (
    foreground_slices,
    open_nifti,
    pack_nifti,
    read_nifti,
    read_slice,
    slice_spacing,
    write_nifti,
)
from .pool import Pool
from .series import BrokenFile, Series, SliceHeader, ct_series, find_series
from .stacking import sort_slices
from .volume import ORIENTATION, Volume

__all__ = [
    'ORIENTATION',
    'BrokenFile',
    'Pool',
    'Series',
    'SliceHeader',
    'Volume',
    'VolumeError',
    'check_finite',
    'ct_series',
    'find_series',
    'foreground_slices',
    'open_nifti',
    'pack_nifti',
    'public_name',
    'read_dicom',
    'read_hu',
    'read_nifti',
    'read_slice',
    'read_slices',
    'slice_spacing',
    'sort_slices',
    'write_nifti',
]
