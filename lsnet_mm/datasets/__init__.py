from .pancreas_ct import PancreasCTDataset
from .slice_folder import SliceFolderDataset
from .transforms.boxes_from_mask import BoxesFromMask
from .transforms.loading import (
    CTSliceFromMemory,
    GreySliceFromMemory,
    HUWindow,
    LoadCTMask,
    LoadCTSlice,
)
from .transforms.pack_lsnet_inputs import PackLSNetInputs
from .transforms.random_ct_affine import RandomCTAffine
from .transforms.random_intensity import RandomIntensity
from .transforms.resize_slice import ResizeSlice
from .worker_init import epoch_worker_init_fn

__all__ = [
    'BoxesFromMask',
    'CTSliceFromMemory',
    'GreySliceFromMemory',
    'HUWindow',
    'LoadCTMask',
    'LoadCTSlice',
    'PackLSNetInputs',
    'PancreasCTDataset',
    'RandomCTAffine',
    'RandomIntensity',
    'ResizeSlice',
    'SliceFolderDataset',
    'epoch_worker_init_fn',
]
