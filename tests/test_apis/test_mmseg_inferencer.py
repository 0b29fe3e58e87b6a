"""MMSegmentation's own inferencer with our configs of 2D slices in folders."""

from pathlib import Path

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmseg.apis import MMSegInferencer

from lsnet_mm.apis import LSNetInferencer

ROOT = Path(__file__).parents[2]
META = dict(classes=('background', 'pancreas'), palette=[[0, 0, 0], [230, 60, 60]])


@pytest.fixture
def checkpoint(tmp_path):
    """Of any config: random weights as a training run would save them."""

    def save(config):
        init_default_scope('mmseg')
        torch.manual_seed(0)
        state = MODELS.build(Config.fromfile(config).model).state_dict()
        torch.save(dict(meta=dict(dataset_meta=META), state_dict=state), tmp_path / 'a.pth')
        return str(tmp_path / 'a.pth')

    return save


@pytest.mark.parametrize('name', ['unet/unet_small_slices_48e', 'lsnet/lsnet_small_unet_slices'])
def test_image_files_and_arrays(name, checkpoint, tmp_path):
    config = str(ROOT / 'configs' / f'{name}.py')
    inferencer = MMSegInferencer(config, checkpoint(config), device='cpu')
    inferencer.show_progress = False
    image = np.random.default_rng(0).integers(0, 255, (96, 80), np.uint8)
    mmcv.imwrite(image, str(tmp_path / 'slice.png'))
    out = str(tmp_path / 'o')
    from_file = inferencer(str(tmp_path / 'slice.png'), return_vis=True, out_dir=out)
    assert from_file['predictions'].shape == (96, 80)  # the image's size, not the net's
    for array in (image, np.dstack([image] * 3)):
        from_array = inferencer(array)
        np.testing.assert_array_equal(from_file['predictions'], from_array['predictions'])
    assert from_file['visualization'].ndim == 3
    own = LSNetInferencer(
        config, checkpoint(config), 'cpu', show_progress=False, picture_window=(0, 255), spine='top'
    )
    [found] = own(tmp_path / 'slice.png')['predictions']
    np.testing.assert_array_equal(found['mask'][..., 0].T, from_file['predictions'])
    assert (tmp_path / 'o' / 'vis' / 'slice.png').is_file()
    assert list((tmp_path / 'o' / 'pred').glob('*_pred.png'))
