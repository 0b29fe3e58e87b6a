"""CT volumes in and out: DICOM series and NIfTI files, with their geometry."""

from .choice import Candidate, check_numbers, choose_series
from .folder import files_below
from .header import PHANTOM, BrokenFile, SliceHeader, read_header
from .hu import check_finite, check_hu, read_hu, read_slices
from .nifti import check_placement, open_nifti, pack_nifti, read_nifti, read_slice
from .nifti_file import NIFTI, is_nifti
from .pictures import Pictures, group_pictures, is_picture, pack_picture, read_pictures
from .pool import Pool
from .series import Series, ct_series, find_series
from .stack import find_irregularity, sort_slices
from .traits import Traits, read_traits
from .volume import ORIENTATION, READING, MissingSlices, Volume, VolumeError, public_name

__all__ = [
    'NIFTI',
    'ORIENTATION',
    'PHANTOM',
    'READING',
    'BrokenFile',
    'Candidate',
    'MissingSlices',
    'Pictures',
    'Pool',
    'Series',
    'SliceHeader',
    'Traits',
    'Volume',
    'VolumeError',
    'check_finite',
    'check_hu',
    'check_numbers',
    'check_placement',
    'choose_series',
    'ct_series',
    'files_below',
    'find_irregularity',
    'find_series',
    'group_pictures',
    'is_nifti',
    'is_picture',
    'open_nifti',
    'pack_nifti',
    'pack_picture',
    'public_name',
    'read_header',
    'read_hu',
    'read_nifti',
    'read_pictures',
    'read_slice',
    'read_slices',
    'read_traits',
    'sort_slices',
]
