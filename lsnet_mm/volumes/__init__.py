"""CT volumes in and out: DICOM series and NIfTI files, with their geometry."""

from .folder import files_below
from .header import PHANTOM, BrokenFile, SliceHeader
from .hu import check_finite, check_hu, read_hu, read_slices
from .look import air_share, slice_look, summary
from .nifti import check_placement, open_nifti, pack_nifti, read_nifti, read_slice
from .nifti_file import NIFTI, is_nifti
from .pool import Pool
from .series import Series, ct_series, find_series
from .stack import find_irregularity, sort_slices
from .volume import ORIENTATION, READING, MissingSlices, Volume, VolumeError, public_name

__all__ = [
    'NIFTI',
    'ORIENTATION',
    'PHANTOM',
    'READING',
    'BrokenFile',
    'MissingSlices',
    'Pool',
    'Series',
    'SliceHeader',
    'Volume',
    'VolumeError',
    'air_share',
    'check_finite',
    'check_hu',
    'check_placement',
    'ct_series',
    'files_below',
    'find_irregularity',
    'find_series',
    'is_nifti',
    'open_nifti',
    'pack_nifti',
    'public_name',
    'read_hu',
    'read_nifti',
    'read_slice',
    'read_slices',
    'slice_look',
    'sort_slices',
    'summary',
]
