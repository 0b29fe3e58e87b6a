"""A grey slice is one channel until the data preprocessor, which then gives what three would."""

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

from lsnet_mm.datasets import GreySliceFromMemory

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


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for key in one:
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)


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


def test_losses_and_predictions_of_the_demo(config, batches):
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    # Untrained, but boxes there must be.
    model.localizer.head.test_cfg.update(score_thr=0.0, veto_thr=0.0)

    def losses(batch, mode):
        torch.manual_seed(0)
        np.random.seed(0)
        data = model.data_preprocessor(copy.deepcopy(batch), True)
        return model(**data, mode=mode)

    def answers(batch):
        [*samples] = model.test_step(copy.deepcopy(batch))
        assert all(len(s.pred_instances) for s in samples)
        fields = ('pred_sem_seg', 'pred_heatmap')
        maps = {f'{k}{f}': s.get(f).data for k, s in enumerate(samples) for f in fields}
        return maps | {f'{k}boxes': s.pred_instances.bboxes for k, s in enumerate(samples)}

    for mode in ('loss_localizer', 'loss_segmentor'):
        assert_equal(*(losses(b, mode) for b in batches))
    model.eval()
    assert_equal(*map(answers, batches))


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_grey_files_have_the_values_of_each_channel(tmp_path, suffix):
    grey = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    path = str(tmp_path / f'slice{suffix}')
    cv2.imwrite(path, grey)
    one, three = (
        LoadImageFromFile(color_type=kind)(dict(img_path=path))['img']
        for kind in ('grayscale', 'color')
    )
    assert one.dtype == three.dtype == np.uint8
    np.testing.assert_array_equal(np.dstack([one] * 3), three)


@pytest.mark.parametrize('options', [{}, dict(color_type='grayscale'), dict(to_float32=True)])
def test_slices_in_memory_are_those_of_files(tmp_path, options):
    voxels = np.random.default_rng(0).integers(0, 256, (30, 20, 2), np.int16)
    path = str(tmp_path / 'slice.png')
    cv2.imwrite(path, voxels[..., 1].T)
    expected = LoadImageFromFile(**options)(dict(img_path=path))
    found = GreySliceFromMemory(**options)(dict(voxels=voxels, slice_index=1))
    assert found['img'].dtype == expected['img'].dtype
    np.testing.assert_array_equal(found['img'], expected['img'])
    assert found['ori_shape'] == expected['ori_shape']


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
