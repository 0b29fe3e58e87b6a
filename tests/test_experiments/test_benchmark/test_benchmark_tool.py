"""From the arguments to the files."""

import json

import cv2
import numpy as np
import pytest
import torch
from benchmarking import LSNET, UNET

from lsnet_mm.experiments.benchmark.command import build_systems, main, parse_args
from lsnet_mm.experiments.benchmark.inference import Inference
from lsnet_mm.experiments.benchmark.measure import measure_loader
from lsnet_mm.experiments.benchmark.report import markdown
from lsnet_mm.experiments.benchmark.system import System
from lsnet_mm.experiments.benchmark.training import missing_data
from lsnet_mm.experiments.phantom import write_prepared

pytestmark = pytest.mark.filterwarnings('ignore')
SMALL = ['--size', '64', '--slices', '6', '--with-organ', '0.5', '--batch-size', '2']


def test_every_field_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.peers.find_spec', lambda package: None)
    arguments = [str(LSNET), str(UNET), '--baseline', 'unet_small_slices', '--repeats', '2', *SMALL]
    parts = ['--parts', 'training', 'inference', '--peers', 'nnunet_2d']
    assert main([*arguments, *parts, '--out', str(tmp_path)]) == 0
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    assert results['settings']['share'] == 0.5 and results['settings']['slices'] == 6
    names = ['unet_small_slices', 'lsnet_small_phantom']  # the baseline first
    assert all(list(rows) == names for rows in results['parts'].values())
    for rows in results['parts'].values():
        assert rows.keys() == set(names)
    one, two = (results['parts']['training'][name] for name in names)
    assert one['time'] == dict(median=1, low=1, high=1) and 'parts' not in one
    seconds = [2 / rate for rate in two['rates']]
    base = [2 / rate for rate in one['rates']]
    ratio = np.median(np.array(seconds) / base)
    assert two['time']['median'] == pytest.approx(ratio)
    assert two['parts'].keys() == {'L-Net', 'S-Net', 'fused'}
    assert two['step_over_parts']['median'] > 0 < two['fused_over_parts']['median']
    one, two = (results['parts']['inference'][name] for name in names)
    assert one['speed']['median'] == 1 and two['crops'] == 2
    assert one['volume']['median'] == pytest.approx(6 * one['slice']['median'])
    size = results['parts']['size']['lsnet_small_phantom']
    assert size['work']['macs'] > 0 < size['gflops'] and size['pixels'] == [64, 64]
    rate = results['machine']['rates']['float32']
    assert rate['macs'] > 1e9 < rate['bytes']
    text = (tmp_path / 'benchmark.md').read_text()
    work = results['parts']['training']['lsnet_small_phantom']['work']
    assert f'| lsnet_small_phantom | training | {work["macs"] / 1e9:.1f} |' in text
    assert text == markdown(results) and text in capsys.readouterr().out
    assert 'Not run: nnunet_2d, dynamic_network_architectures is not installed' in text
    assert cv2.imread(str(tmp_path / 'benchmark.png')).shape[1] == 900


def test_peak_memory_of_each_run(capfd, tmp_path):
    assert main([str(LSNET), *SMALL, '--parts', 'memory', '--out', str(tmp_path)]) == 0
    assert 'Initialized by' not in capfd.readouterr().out
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    row = results['parts']['memory']['lsnet_small_phantom']
    names = ['step', 'loss_localizer', 'loss_segmentor', 'fused', 'inference']
    assert list(row['peaks']) == names
    # At least the weights of both nets, their gradients and two moments of Adam.
    params = results['parts']['size']['lsnet_small_phantom']['params']
    assert all(2**32 > peak > 3 * 4 * params for peak in row['peaks'].values())
    phases = max(row['peaks'][phase] for phase in names[1:3])
    assert row['step_over_phases'] == row['peaks']['step'] / phases
    assert row['peaks']['step'] == pytest.approx(phases, rel=0.01)  # nothing is kept between them
    assert not (tmp_path / 'benchmark.png').exists()  # nothing to draw


def test_the_loader_where_its_data_are(build_system, tmp_path):
    system = build_system(LSNET)
    peer = System('peer', system.cfg, system.switches, peer=True)
    absent = System.from_config(LSNET, system.switches)
    absent.cfg.train_dataloader.dataset.data_root = 'no/such/folder'
    assert missing_data(absent) == 'no data in no/such/folder'
    data = write_prepared(tmp_path / 'data', 4, (32, 32, 12))
    system.cfg.train_dataloader.dataset.data_root = str(data)
    training = {system.name: dict(slices_per_second=dict(median=2.0))}
    rows = measure_loader([system, peer], [1], 2, 1, training)
    rate = rows[system.name]['rates']['1']['median']
    assert rate > 0 and rows[system.name]['over_step'] == rate / 2
    assert rows['peer'] == dict(missing="the baseline's", rates={})


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['no/such.py'], 'file not found: no/such.py'),
        ([str(UNET), str(UNET)], 'two configs of one name'),
        ([str(UNET), '--baseline', 'other'], '--baseline other: not among'),
        ([str(UNET), '--checkpoint', 'file.pth'], 'expected CONFIG=FILE'),
        ([str(UNET), '--checkpoint', f'other={UNET}'], 'other: not among'),
        ([str(UNET), '--checkpoint', f'{UNET.stem}=no.pth'], 'file not found: no.pth'),
        ([str(UNET), '--image', str(UNET)], '--image and --label belong together'),
        (
            [str(UNET), '--variants', 'plain+fast'],
            "--variants: 'fast' is none of configured, plain",
        ),
        (
            [str(UNET), '--image', str(UNET), '--label', str(UNET.parent)],
            '--image and --label: two files, or two folders',
        ),
        ([str(UNET), '--checkpoint', f'{UNET.stem}={UNET.parent}'], 'file not found: '),
        ([str(UNET), '--repeats', '0'], '--repeats: 0: must be at least 1'),
        ([str(UNET), '--with-organ', '2'], 'from 0 to 1'),
        ([str(UNET), '--with-organ', '0'], 'nothing to train on'),
        ([str(UNET), '--device', 'cuda:99'], '--device: device cuda:99: '),
        ([str(UNET), '--device', 'horse'], '--device: device horse: '),
        ([str(UNET), '--cpu-time', '--threads', '2'], '--cpu-time: with --device cpu and'),
    ],
)
def test_what_cannot_be(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


def test_weights_of_a_config_bring_their_own_boxes(build_system, scene, tmp_path):
    system = build_system(LSNET)
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=system.model.state_dict()), path)
    args = parse_args([str(LSNET), '--checkpoint', f'{LSNET.stem}={path}', '--batch-size', '2'])
    (trained,), missing = build_systems(args)
    run = Inference(trained, scene)
    assert not missing and run.profile()['crops'] == 0  # it has learnt nothing yet
