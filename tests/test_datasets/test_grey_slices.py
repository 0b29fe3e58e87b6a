"""A grey slice is one channel until the data preprocessor, which then gives what three would."""

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

CONFIGS = Path(__file__).parents[2] / 'configs'
PREPROCESSOR = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=7,
    size_divisor=32,
    test_cfg=dict(size_divisor=32),
)


@pytest.fixture(scope='module')
def config():
    init_default_scope('mmseg')
    return Config.fromfile(CONFIGS / 'lsnet' / 'lsnet_small_phantom.py')


@pytest.fixture(scope='module')
def batches(config, phantom):
    """Slices of the demo's training as they come, and the same with each channel three times."""
    own = dict(config.train_dataloader.dataset, data_root=str(phantom), slices='foreground')
    dataset = DATASETS.build(own)
    np.random.seed(0)
    grey = pseudo_collate([dataset[i] for i in range(4)])
    assert all(image.shape == (1, 40, 48) for image in grey['inputs'])
    return grey, grey | dict(inputs=[image.repeat(3, 1, 1) for image in grey['inputs']])


@pytest.mark.parametrize('dtype', [torch.float32, torch.uint8])
@pytest.mark.parametrize('training', [True, False])
def test_preprocessor(batches, training, dtype):
    preprocessor = MODELS.build(PREPROCESSOR)
    grey, repeated = (
        preprocessor(copy.deepcopy(b) | dict(inputs=[i.to(dtype) for i in b['inputs']]), training)
        for b in batches
    )
    assert grey['inputs'].shape == (4, 3, 64, 64)  # padded
    assert torch.equal(grey['inputs'], repeated['inputs'])


def test_colours_stay_colours(slice_root):
    """Through the training pipeline of slice folders, its transforms at rest."""
    cfg = Config.fromfile(CONFIGS / 'lsnet' / 'lsnet_small_unet_slices_native_48e.py')
    dataset = dict(cfg.train_dataloader.dataset, data_root=str(slice_root))
    still = dict(
        LoadImageFromFile=dict(color_type='color'),
        ResizeSlice=dict(scale=(30, 20)),
        RandomCTAffine=dict(rotation=0, scale=0, shift=0),
        RandomIntensity=dict(brightness=0, contrast=0, gamma=0, noise=0),
    )
    dataset['pipeline'] = [{**t, **still.get(t['type'], {})} for t in dataset['pipeline']]
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    cv2.imwrite(str(slice_root / 'train/images/P_01_007.png'), image)
    packed = DATASETS.build(dataset)[0]
    np.testing.assert_allclose(packed['inputs'].permute(1, 2, 0), image, atol=1e-3)
    found = MODELS.build(PREPROCESSOR)(pseudo_collate([packed]), True)['inputs']
    mean, std = (torch.tensor(PREPROCESSOR[k]).view(3, 1, 1) for k in ('mean', 'std'))
    assert torch.equal(found[0, :, :20, :30], (packed['inputs'].flip(0) - mean) / std)
