"""Whole runs: L-Net under MMDetection's own scripts, and a detector under ours."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers import NO_WORKERS, ROOT, run_script
from mmengine.config import Config

from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.preparation.coco import export_coco

pytestmark = [pytest.mark.mmdet, pytest.mark.slow]
LNET = ROOT / 'configs' / 'mmdet' / 'lnet_small_phantom_coco.py'
FCOS = ROOT / 'configs' / 'detectors' / 'lsnet_fcos_small_phantom.py'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A phantom of four cases under data/, as the configs expect, prepared and in COCO's form."""
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    folder = tmp_path_factory.mktemp('run')
    write_prepared(folder / 'data' / 'phantom', 4, (96, 96, 8))
    cfg = Config.fromfile(ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py')
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[loader].dataset.data_root = str(folder / 'data' / 'phantom')
    export_coco(cfg, folder / 'data' / 'phantom_coco')
    return folder


def test_lnet_learns_slices_by_heart_under_mmdetections_scripts(folder):
    """Trained by its train.py, scored by its test.py and COCO's metric, on the slices of training,
    which are the same in every epoch."""
    tools = Path(find_spec('mmdet').origin).parent / '.mim' / 'tools'
    data = 'train_dataloader.dataset.pipeline.3'
    options = (
        *NO_WORKERS,
        *(f'{name}_dataloader.persistent_workers=False' for name in ('train', 'val', 'test')),
        *(f'{data}.max_translate_ratio=0', f'{data}.scaling_ratio_range=(1,1)'),
        'test_dataloader.dataset.ann_file=annotations/train.json',
        'test_dataloader.dataset.data_prefix.img=train/',
        'test_evaluator.ann_file=data/phantom_coco/annotations/train.json',
        *('train_cfg.max_epochs=60', 'train_cfg.val_interval=60'),
        'default_hooks.checkpoint.interval=60',
    )
    for script, *args in (('train.py', LNET), ('test.py', LNET, folder / 'train/epoch_60.pth')):
        work_dir = ('--work-dir', script.removesuffix('.py'))
        run_script(tools / script, *args, *work_dir, '--cfg-options', *options, cwd=folder)
    (scores,) = (folder / 'test').glob('*/*.json')
    scores = json.loads(scores.read_text())
    assert scores['coco/bbox_mAP_50'] > 0.8 and scores['coco/bbox_mAP'] > 0.5, scores


def test_our_scripts_train_and_test_a_detector(folder):
    options = ('--work-dir', 'fcos', '--cfg-options', *NO_WORKERS, 'train_cfg.max_epochs=1')
    run_script('train.py', FCOS, *options, 'param_scheduler=[]', cwd=folder)
    log = next((folder / 'fcos').rglob('scalars.json')).read_text()
    assert 'localizer.loss_centerness' in log and 'segmentor.decode.loss_focal_dice' in log
    run_script('test.py', FCOS, 'fcos/epoch_1.pth', *options, cwd=folder)
    result = json.loads((folder / 'fcos' / 'result.json').read_text())
    assert result['params'] > 0 and result['metrics']['slice_fg/dsc'] is not None
