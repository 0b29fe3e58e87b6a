"""A real mmengine Runner with a model that thresholds the image."""

import getpass
import itertools
import json
import socket
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from threshold_segmentor import ThresholdSegmentor

import lsnet_mm.engine
import lsnet_mm.evaluation
import lsnet_mm.visualization  # noqa: F401
from lsnet_mm.evaluation.results import read_run

SIZE = 32
NUMBER = itertools.count()


class Squares(BaseDataset):
    """A square a slice, two cases, of which the second is too dark to be found; the last slice of
    each is empty."""

    name, split = 'squares', 'val'

    def load_data_list(self):
        return [{'case': case, 'slice_index': k} for case in ('a', 'b') for k in range(4)]

    def sha256(self):
        return '0' * 64

    def prepare_data(self, idx):
        info = self.get_data_info(idx)
        mask = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
        if info['slice_index'] < 3:
            mask[:, 8 : 14 + info['slice_index'], 8:20] = 1
        sample = SegDataSample(gt_sem_seg=PixelData(data=mask))
        meta = {'spacing': (1.0, 1.0, 1.0), 'ori_shape': (SIZE, SIZE)}
        sample.set_metainfo({'case': info['case'], 'slice_index': info['slice_index'], **meta})
        grey = {'a': 200, 'b': 100}[info['case']]
        return {'inputs': mask.float() * grey, 'data_samples': sample}


def runner(work_dir, **kwargs):
    # mmseg's own classes are looked up in its scope.
    init_default_scope('mmseg')
    collate = dict(type='pseudo_collate')
    loader = dict(batch_size=2, num_workers=0, dataset=Squares(), collate_fn=collate)
    train, test = (
        loader | dict(sampler=dict(type='DefaultSampler', shuffle=on)) for on in (True, False)
    )
    metric = dict(type='TwoStageSegMetric', surface=True)
    options = dict(
        model=ThresholdSegmentor(dict(type='SegDataPreProcessor', size=(SIZE, SIZE))),
        work_dir=str(work_dir),
        train_dataloader=train,
        val_dataloader=test,
        test_dataloader=test,
        train_cfg=dict(by_epoch=True, max_epochs=2),
        val_cfg=dict(),
        test_cfg=dict(),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        val_evaluator=metric,
        test_evaluator=metric,
        visualizer=dict(
            type='TwoStageVisualizer', vis_backends=[dict(type='LocalVisBackend')], dpi=30
        ),
        default_scope='mmseg',
        randomness=dict(seed=5),
        log_level='ERROR',
        # mmengine hands out its loggers and visualizers again by this name.
        experiment_name=f'run_{next(NUMBER)}',
        cfg=Config(dict(model=dict(type='ThresholdSegmentor'))),
    )
    return Runner(**options | hooks() | kwargs)


def hooks(visualization=None, **result):
    result = dict(type='ResultHook', panel=3) | result
    visualization = dict(type='TwoStageVisualizationHook') | (visualization or {})
    return dict(default_hooks=dict(result=result, visualization=visualization))


def retest(trained, **kwargs):
    runner(trained, load_from=str(trained / 'epoch_2.pth'), **kwargs).test()


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('trained')
    runner(work_dir).train()
    return work_dir


def test_the_run_folder(trained, tmp_path, capsys):
    retest(trained, **hooks(out_dir=f'{tmp_path}/{{data}}/seed{{seed}}'))
    folder = tmp_path / 'squares' / 'seed5'
    names = {'result.json', 'slices.csv', 'curve.json', 'panel.png'}
    assert {path.name for path in folder.iterdir()} == names

    result, rows = read_run(folder)
    assert len(rows) == 8 and result['seed'] == 5
    assert result['data'] == dict(name='squares', split='val', fold=None, sha256='0' * 64)
    assert result['metrics']['case/dsc'] == result['metrics']['box/miss'] == 50
    assert (result['params'], result['localizer']) == (1, None)
    assert result['train']['epochs'] == 2 and result['train']['minutes'] >= 0
    curve = json.loads((folder / 'curve.json').read_text())
    assert [point['epoch'] for point in curve['train']] == [1, 2]
    assert [point['case/dsc'] for point in curve['val']] == [50, 50]
    assert cv2.imread(str(folder / 'panel.png')).shape[0] > 500
    out = capsys.readouterr().out
    assert 'slice_fg' in out and 'squares' in out


def test_nothing_local_leaks(trained, tmp_path):
    retest(trained, **hooks(out_dir=str(tmp_path)))
    text = (tmp_path / 'result.json').read_text() + (tmp_path / 'curve.json').read_text()
    for secret in (str(trained), str(Path.home()), socket.gethostname(), tmp_path.name):
        assert secret not in text
    assert getpass.getuser() not in json.dumps(read_run(tmp_path)[0]['env'])


def test_minutes_add_up_over_resumes(trained, tmp_path):
    checkpoint = torch.load(trained / 'epoch_2.pth', weights_only=False)
    assert 0 < checkpoint['meta']['train_minutes'] < 1
    checkpoint['meta']['train_minutes'] = 60.0
    torch.save(checkpoint, tmp_path / 'old.pth')
    old = dict(load_from=str(tmp_path / 'old.pth'), resume=True)
    runner(tmp_path, **old, train_cfg=dict(by_epoch=True, max_epochs=3)).train()
    meta = torch.load(tmp_path / 'epoch_3.pth', weights_only=False)['meta']
    assert 60 < meta['train_minutes'] < 61


class Foreground(BaseMetric):
    """A metric of another library."""

    default_prefix = 'other'

    def process(self, data_batch, data_samples):
        self.results += [float(sample['pred_sem_seg']['data'].sum()) for sample in data_samples]

    def compute_metrics(self, results):
        return dict(pixels=sum(results))


def test_a_test_without_the_metric_leaves_nothing(trained, tmp_path):
    retest(trained, test_evaluator=[Foreground()], **hooks(out_dir=str(tmp_path / 'out')))
    assert not (tmp_path / 'out').exists()


def test_prefixes_and_other_metrics(trained, tmp_path):
    """The result's own scores have their plain names, which tables look for."""
    ours = dict(type='TwoStageSegMetric')
    retest(
        trained,
        test_evaluator=[Foreground(), ours | dict(prefix='mine')],
        **hooks(out_dir=str(tmp_path)),
    )
    metrics = read_run(tmp_path)[0]['metrics']
    assert metrics['case/dsc'] == 50 and metrics['other/pixels'] > 0
    both = [ours | dict(prefix='first'), ours]
    retest(trained, test_evaluator=both, **hooks(out_dir=str(tmp_path)))
    metrics = read_run(tmp_path)[0]['metrics']
    assert metrics['case/dsc'] == metrics['first/case/dsc'] == 50


def test_pictures_of_a_test(trained, tmp_path):
    drawing = hooks(dict(draw=True, show_dir=str(tmp_path)), panel=0)
    runner(trained, **drawing).test()
    names = [f'{case}_{k:03d}.png' for case in 'ab' for k in range(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert not (trained / 'panel.png').exists()


def test_pictures_of_a_validation(tmp_path):
    runner(tmp_path, **hooks(dict(draw=True, interval=2))).val()
    names = sorted(path.name for path in tmp_path.rglob('*.png'))
    assert names == ['a_000_0.png', 'b_000_0.png']
