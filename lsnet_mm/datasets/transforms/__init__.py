from .boxes_from_mask import BoxesFromMask
from .ct_slice_from_memory import CTSliceFromMemory
from .grey_slice_from_memory import GreySliceFromMemory
from .hu_window import HUWindow
from .load_ct_mask import LoadCTMask
from .load_ct_slice import LoadCTSlice
from .pack_lsnet_inputs import PackLSNetInputs
from .random_ct_affine import RandomCTAffine
from .random_intensity import RandomIntensity
from .resize_slice import ResizeSlice

__all__ = [
    'BoxesFromMask',
    'CTSliceFromMemory',
    'GreySliceFromMemory',
    'HUWindow',
    'LoadCTMask',
    'LoadCTSlice',
    'PackLSNetInputs',
    'RandomCTAffine',
    'RandomIntensity',
    'ResizeSlice',
]
