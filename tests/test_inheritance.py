"""The ten lines of docs/migrating.md on a config made of MMSegmentation's own, outside our tree."""

import json
import re
import textwrap

import cv2
import numpy as np
import pytest
import torch
from helpers import MY_MMSEG, ROOT, migrated, run_script
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from lsnet_mm.evaluation.results import read_run
from lsnet_mm.utils import allow_external_configs, read_config
from lsnet_mm.utils.config import train_from_scratch
from lsnet_mm.utils.settings import check_file

CONFIGS = ROOT / 'configs'
COMBINATIONS = (ROOT / 'docs' / 'combinations.md').read_text()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('user')
    for name in ('img', 'ann'):
        (path / 'data' / name).mkdir(parents=True)
    for k in range(4):
        mask = cv2.circle(np.zeros((64, 64), np.uint8), (24 + 4 * k, 32), 12, 1, -1)
        cv2.imwrite(str(path / 'data' / 'ann' / f'{k}.png'), mask)
        cv2.imwrite(str(path / 'data' / 'img' / f'{k}.png'), 60 + 100 * mask)
    (path / 'my_mmseg.py').write_text(MY_MMSEG)
    (path / 'mine.py').write_text(migrated().replace('(320, 320)', '(64, 64)'))
    return path


def test_ten_lines():
    assert len(migrated().splitlines()) == 10


def test_the_second_stage_is_the_stock_model(folder):
    allow_external_configs()
    mine, stock = (Config.fromfile(folder / name) for name in ('mine.py', 'my_mmseg.py'))
    assert mine.model.segmentor == stock.model
    assert 'auxiliary_head' in mine.model.segmentor
    assert mine.val_dataloader == stock.val_dataloader


def backbone_that_runs(path):
    """The class of L-Net's backbone in a config's model, after a forward pass."""
    cfg = Config.fromfile(path)
    train_from_scratch(cfg.model)
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        model(torch.rand(1, 3, 64, 64), mode='tensor')
    return type(model.localizer.backbone).__name__


@pytest.mark.parametrize(
    'base, backbone',
    [
        ('lnet_unet_r50', 'ResNetV1c'),
        ('lnet_unet_hrnet18', 'HRNet'),
        ('lnet_unet_mobilenet_v2', 'MobileNetV2'),
        ('lnet_unet_swin_t', 'SwinTransformer'),
        ('lnet_unet_mit_b0', 'MixVisionTransformer'),
    ],
)
def test_another_first_stage(folder, base, backbone):
    """Its file in place of ``lnet_unet_r18.py`` in the ten lines, or beside an L-SNet's config."""
    allow_external_configs()
    ten = (folder / 'mine.py').read_text().replace('lnet_unet_r18', base)
    (document,) = re.findall(r'    _base_ = .*\n    model = .*\n', COMBINATIONS)
    document = textwrap.dedent(document).replace('lnet_unet_swin_t', base)
    document = document.replace("'./", f"'{CONFIGS}/lsnet/").replace("'../", f"'{CONFIGS}/")
    for text in (ten, document):
        path = folder / f'{base}.py'
        path.write_text(text)
        check_file(path)
        assert backbone_that_runs(path) == backbone


@pytest.fixture
def train_and_test(folder, monkeypatch):
    """Trains the ten lines for two iterations, of a changed ``my_mmseg.py`` and with more lines,
    and tests; gives the runner of the test."""

    def run(mmseg=MY_MMSEG, more=''):
        monkeypatch.chdir(folder)
        name = f'run{len(list(folder.glob("run*.py")))}'
        (folder / f'base_{name}.py').write_text(mmseg)
        ten = (folder / 'mine.py').read_text().replace('./my_mmseg.py', f'./base_{name}.py')
        ten = ten.replace('lnet_unet_r18', 'lnet_unet_small')
        (folder / f'{name}.py').write_text(f'{ten}\n{more}')
        config = read_config(folder / f'{name}.py', QUICK)
        config.work_dir = str(folder / name)
        Runner.from_cfg(config).train()
        config.load_from = str(folder / name / 'iter_2.pth')
        runner = Runner.from_cfg(config)
        return runner, runner.test()

    return run


QUICK = {'train_cfg.max_iters': 2, 'train_cfg.val_interval': 2}
QUICK |= {'default_hooks.checkpoint.interval': 2, 'default_hooks.checkpoint.by_epoch': False}


def test_the_size_may_stand_in_the_model(train_and_test):
    """And not in the root, as MMSegmentation's files have it."""
    before = 'data_preprocessor = dict(size=(64, 64))\nmodel = dict(data_preprocessor='
    assert before in MY_MMSEG
    mmseg = MY_MMSEG.split(before)[0] + 'model = dict(data_preprocessor=dict(size=(64, 64)))'
    assert train_and_test(mmseg)[0].model.data_preprocessor.size == (64, 64)


def test_scores_of_mmsegmentations_dataset(train_and_test):
    """Ours and theirs side by side; each image is a case."""
    more = """ours = dict(type='TwoStageSegMetric', prefix='ours')
val_evaluator = [dict(type='IoUMetric'), ours]
test_evaluator = val_evaluator
default_hooks = dict(result=dict(type='ResultHook', panel=3))
visualizer = dict(type='TwoStageVisualizer')
custom_imports = dict(imports=['lsnet_mm.models', 'lsnet_mm.datasets', 'lsnet_mm.engine',
                               'lsnet_mm.evaluation', 'lsnet_mm.visualization'])"""
    runner, scores = train_and_test(more=more)
    assert {'mIoU', 'ours/case/dsc', 'ours/box/miou'} <= scores.keys()
    result, rows = read_run(runner.work_dir)
    assert [row['case'] for row in rows] == ['0', '1', '2', '3']
    assert result['metrics']['case/dsc'] == pytest.approx(scores['ours/case/dsc'])
    assert cv2.imread(f'{runner.work_dir}/panel.png').shape[0] > 100


@pytest.mark.slow
def test_trains_and_tests(folder):
    """By iterations, with MMSegmentation's dataset, schedule, hooks and metric."""
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    options += ['default_hooks.logger.interval=1', 'default_hooks.checkpoint.interval=2']
    run_script('train.py', 'mine.py', '--from-scratch', *options, cwd=folder)
    log = next(folder.rglob('scalars.json')).read_text().splitlines()
    keys = json.loads(log[0]).keys()
    assert any(key.startswith('localizer.') for key in keys)
    assert any(key.startswith('segmentor.aux') for key in keys)  # the auxiliary head trains, too
    assert 'mDice' in run_script('test.py', 'mine.py', 'work_dirs/mine/iter_2.pth', cwd=folder)
