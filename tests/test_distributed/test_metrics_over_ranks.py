"""Two processes share the slices of a test, and leave behind what one leaves behind."""

import csv
import json
import sys

import pytest
import torch
from launch import ROOT, run
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import lsnet_mm.models  # noqa: F401  registers
from lsnet_mm.experiments.phantom import write_prepared

SLICES = 13  # of two cases; one too few for two ranks, so that a sampler repeats one
CONFIG = f"""
_base_ = '{ROOT}/configs/lsnet/lsnet_small_phantom.py'
data_root = 'data'
test_dataloader = dict(
    batch_size=1, num_workers=0, dataset=dict(data_root=data_root, indices={SLICES})
)
test_evaluator = dict(surface=True)
model = dict(
    localizer=dict(head=dict(test_cfg=dict(veto_thr=0))),
    test_cfg=dict(rounds=1),
)
default_hooks = dict(result=dict(panel=3))
"""


def write_checkpoint(config, path):
    """Weights that find something, and not all of it."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    with torch.no_grad():
        model.localizer.head.keypoints[-1].weight.normal_()
        for layer in (model.localizer.head.keypoints[-1], model.decode_head.conv_seg):
            layer.bias.zero_()
    meta = dict(epoch=1, iter=4, seed=0, train_minutes=1.0)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)


@pytest.fixture(scope='module')
def tested(tmp_path_factory):
    """The work folders of one process and of two, and what was printed."""
    folder = tmp_path_factory.mktemp('tested')
    write_prepared(folder / 'data', 8, shape=(64, 64, 8), seed=0)
    (folder / 'config.py').write_text(CONFIG)
    write_checkpoint(folder / 'config.py', folder / 'weights.pth')
    printed = {}
    for name, command in {
        'one': (sys.executable, 'test.py', ()),
        'two': ('bash', 'dist_test.sh', (2,)),
    }.items():
        program, tool, ranks = command
        printed[name] = run(
            *(program, ROOT / 'tools' / tool, 'config.py', 'weights.pth', *ranks),
            *('--work-dir', name, '--out', f'{name}/masks', '--show-dir', f'{name}/pictures'),
            cwd=folder,
        )
    return folder, printed


def test_something_was_found_and_every_slice_once(tested):
    """A case has more than one slice: its two halves come from two ranks."""
    metrics = json.loads((tested[0] / 'two' / 'result.json').read_text())['metrics']
    assert 0 < metrics['case/dsc'] < 100 and 0 < metrics['box/miou'] < 100
    assert 0 < metrics['oracle/case/dsc'] < 100 and metrics['case/hd95'] > 0
    rows = list(csv.DictReader((tested[0] / 'two' / 'slices.csv').open()))
    assert len(rows) == SLICES == len({(row['case'], row['slice']) for row in rows})
    assert len({row['case'] for row in rows}) == 2


@pytest.mark.parametrize('name', ['slices.csv', 'result.json', 'curve.json', 'panel.png'])
def test_files_are_those_of_one_process(tested, name):
    one, two = ((tested[0] / ranks / name).read_bytes() for ranks in ('one', 'two'))
    assert one == two


def test_every_slice_is_drawn_once(tested):
    for kind in ('masks', 'pictures'):
        one, two = (
            {path.name: path.read_bytes() for path in (tested[0] / ranks / kind).rglob('*.png')}
            for ranks in ('one', 'two')
        )
        assert len(one) == SLICES and one == two


def test_results_are_told_once(tested):
    for text in tested[1].values():
        assert text.count('Results: ') == 1
