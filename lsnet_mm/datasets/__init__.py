from .ct_slice_dataset import CTSliceDataset
from .pancreas_ct import PancreasCTDataset
from .slice_folder import SliceFolderDataset
from .transforms import (
    BoxesFromMask,
    CTSliceFromMemory,
    GreySliceFromMemory,
    HUWindow,
    LoadCTMask,
    LoadCTSlice,
    PackLSNetInputs,
    RandomCTAffine,
    RandomIntensity,
    ResizeSlice,
)
from .worker_init import epoch_worker_init_fn

__all__ = [
    'BoxesFromMask',
    'CTSliceDataset',
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
