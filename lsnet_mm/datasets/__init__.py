# ruff: noqa: E402
"""Data sets of slices, from volumes or folders, and the transforms of their pipelines."""

from ..utils.quiet import import_quietly

import_quietly('mmseg.datasets')

from .ct_slice_dataset import CTSliceDataset
from .pancreas_ct import PancreasCTDataset
from .slice_folder import SliceFolderDataset
from .transforms.augmentation import RandomCTAffine, RandomIntensity
from .transforms.boxes_from_mask import BoxesFromMask
from .transforms.loading import (
    CTSliceFromMemory,
    GreySliceFromMemory,
    HUWindow,
    LoadCTMask,
    LoadCTSlice,
    ResizeSlice,
)
from .transforms.pack_lsnet_inputs import PackLSNetInputs
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
