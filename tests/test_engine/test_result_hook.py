"""A real mmengine Runner with a model of one pixel-wise convolution."""

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
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample

import lsnet_mm.engine
import lsnet_mm.evaluation
import lsnet_mm.visualization  # noqa: F401
from lsnet_mm.evaluation.results import read_run

SIZE = 32
NUMBER = itertools.count()


class Squares(BaseDataset):
    """A bright square a slice, two cases; the last slice of each is empty."""

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
        return {'inputs': mask.float() * 200, 'data_samples': sample}


class Threshold(BaseModel):
    """Segments perfectly, but for the second case, where it finds nothing."""

    def __init__(self):
        preprocessor = {'type': 'mmseg.SegDataPreProcessor', 'size': (SIZE, SIZE)}
        super().__init__(data_preprocessor=preprocessor)
        self.conv = torch.nn.Conv2d(1, 1, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            return {'loss': self.conv(inputs / 200).square().mean()}
        if mode == 'tensor':
            return self.conv(inputs)
        for image, sample in zip(inputs, data_samples, strict=True):
            found = image > 100 if sample.case == 'a' else image > 1e9
            sample.pred_sem_seg = PixelData(data=found.long())
            boxes = torch.tensor([[8.0, 8, 20, 14]])[: int(found.any())]
            sample.pred_instances = InstanceData(bboxes=boxes, scores=torch.ones(len(boxes)))
            sample.pred_heatmap = PixelData(data=torch.zeros(1, 8, 8))
        return data_samples


def runner(work_dir, **kwargs):
    # mmseg's own classes are looked up in its scope.
    init_default_scope('mmseg')
    loader = {
        'batch_size': 2,
        'num_workers': 0,
        'dataset': Squares(),
        'collate_fn': {'type': 'pseudo_collate'},
    }
    train = {'sampler': {'type': 'DefaultSampler', 'shuffle': True}, **loader}
    test = {'sampler': {'type': 'DefaultSampler', 'shuffle': False}, **loader}
    metric = {'type': 'TwoStageSegMetric', 'surface': True}
    options = {
        'model': Threshold(),
        'work_dir': str(work_dir),
        'train_dataloader': train,
        'val_dataloader': test,
        'test_dataloader': test,
        'train_cfg': {'by_epoch': True, 'max_epochs': 2},
        'val_cfg': {},
        'test_cfg': {},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}},
        'val_evaluator': metric,
        'test_evaluator': metric,
        'default_hooks': {
            'result': {'type': 'ResultHook', 'panel': 3},
            'visualization': {'type': 'TwoStageVisualizationHook'},
        },
        'visualizer': {
            'type': 'TwoStageVisualizer',
            'vis_backends': [{'type': 'LocalVisBackend'}],
            'dpi': 30,
        },
        'default_scope': 'mmseg',
        'randomness': {'seed': 5},
        'log_level': 'ERROR',
        # mmengine hands out its loggers and visualizers again by this name.
        'experiment_name': f'run_{next(NUMBER)}',
        'cfg': Config({'model': {'type': 'Threshold'}}),
    }
    return Runner(**{**options, **kwargs})


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('trained')
    runner(work_dir).train()
    return work_dir


def hooks(**kwargs):
    return {'default_hooks': {'result': {'type': 'ResultHook', 'panel': 3, **kwargs}}}


def test_the_run_folder(trained, tmp_path, capsys):
    out_dir = f'{tmp_path}/{{data}}/seed{{seed}}'
    runner(trained, load_from=str(trained / 'epoch_2.pth'), **hooks(out_dir=out_dir)).test()
    folder = tmp_path / 'squares' / 'seed5'
    names = {'result.json', 'slices.csv', 'curve.json', 'panel.png'}
    assert {path.name for path in folder.iterdir()} == names

    result, rows = read_run(folder)
    assert len(rows) == 8
    assert result['seed'] == 5
    assert result['data'] == {'name': 'squares', 'split': 'val', 'fold': None, 'sha256': '0' * 64}
    assert result['metrics']['case/dsc'] == 50
    assert result['metrics']['box/miss'] == 50
    assert result['params'] == 2
    assert result['localizer'] is None
    assert result['train']['epochs'] == 2
    assert result['train']['minutes'] >= 0
    curve = json.loads((folder / 'curve.json').read_text())
    assert [point['epoch'] for point in curve['train']] == [1, 2]
    assert [point['case/dsc'] for point in curve['val']] == [50, 50]
    assert cv2.imread(str(folder / 'panel.png')).shape[0] > 500

    out = capsys.readouterr().out
    assert 'slice_fg' in out
    assert 'squares' in out


def test_nothing_local_leaks(trained, tmp_path):
    runner(trained, load_from=str(trained / 'epoch_2.pth'), **hooks(out_dir=str(tmp_path))).test()
    result, _ = read_run(tmp_path)
    text = (tmp_path / 'result.json').read_text() + (tmp_path / 'curve.json').read_text()
    for secret in (str(trained), str(Path.home()), socket.gethostname(), tmp_path.name):
        assert secret not in text
    assert getpass.getuser() not in json.dumps(result['env'])


def test_minutes_add_up_over_resumes(trained, tmp_path):
    checkpoint = torch.load(trained / 'epoch_2.pth', weights_only=False)
    assert 0 < checkpoint['meta']['train_minutes'] < 1
    checkpoint['meta']['train_minutes'] = 60.0
    torch.save(checkpoint, tmp_path / 'old.pth')
    more = runner(
        tmp_path,
        load_from=str(tmp_path / 'old.pth'),
        resume=True,
        train_cfg={'by_epoch': True, 'max_epochs': 3},
    )
    more.train()
    meta = torch.load(tmp_path / 'epoch_3.pth', weights_only=False)['meta']
    assert 60 < meta['train_minutes'] < 61


def test_a_run_without_the_metric_fails_before_the_test(trained):
    evaluator = {'type': 'mmseg.IoUMetric'}
    with pytest.raises(ValueError, match='needs a TwoStageSegMetric'):
        runner(trained, test_evaluator=evaluator, **hooks()).test()


def test_pictures_of_a_test(trained, tmp_path):
    hook = {'type': 'TwoStageVisualizationHook', 'draw': True, 'show_dir': str(tmp_path)}
    result = {'type': 'ResultHook', 'panel': 0}
    runner(trained, default_hooks={'visualization': hook, 'result': result}).test()
    names = [f'{case}_{k:03d}.png' for case in 'ab' for k in range(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert not (trained / 'panel.png').exists()


def test_pictures_of_a_validation(trained, tmp_path):
    hook = {'type': 'TwoStageVisualizationHook', 'draw': True, 'interval': 2}
    runner(tmp_path, default_hooks={'visualization': hook}, resume=False).val()
    names = sorted(path.name for path in tmp_path.rglob('*.png'))
    assert names == ['a_000_0.png', 'b_000_0.png']
