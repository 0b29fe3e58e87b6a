"""From the arguments to the files."""

import json

import cv2
import numpy as np
import pytest
import torch

from lsnet_mm.experiments.benchmark.command import build_systems, main, parse_args
from lsnet_mm.experiments.benchmark.measure import measure_inference
from lsnet_mm.experiments.benchmark.report import markdown

pytestmark = pytest.mark.filterwarnings('ignore')
LSNET, UNET = 'configs/lsnet/lsnet_small_phantom.py', 'configs/unet/unet_small_slices.py'
SMALL = ['--size', '64', '--slices', '6', '--with-organ', '0.5', '--batch-size', '2']


def test_every_field_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.peers.find_spec', lambda package: None)
    parts = ['--parts', 'training', 'inference', '--peers', 'nnunet_2d']
    assert main([UNET, LSNET, '--repeats', '2', *SMALL, *parts, '--out', str(tmp_path)]) == 0
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    assert results['settings']['share'] == 0.5 and results['settings']['slices'] == 6
    names = ['unet_small_slices', 'lsnet_small_phantom']
    assert results['parts'].keys() == {'size', 'training', 'inference'}
    assert all(list(rows) == names for rows in results['parts'].values())
    one, two = (results['parts']['training'][name] for name in names)
    assert one['time'] == dict(median=1, low=1, high=1) and 'parts' not in one
    ratio = np.median(np.array(one['rates']) / two['rates'])
    assert two['time']['median'] == pytest.approx(ratio)
    assert two['parts'].keys() == {'L-Net', 'S-Net', 'fused'}
    assert two['step_over_parts']['median'] > 0 < two['fused_over_parts']['median']
    one, two = (results['parts']['inference'][name] for name in names)
    assert one['speed']['median'] == 1 and 'crops' not in one and two['crops'] == 2
    assert one['volume']['median'] == pytest.approx(np.median(6 / np.array(one['rates'])))
    size = results['parts']['size']['lsnet_small_phantom']
    assert size['work']['macs'] > 0 < size['gflops'] and size['pixels'] == [64, 64]
    assert results['machine']['rates']['float32']['macs'] > 1e9
    text = (tmp_path / 'benchmark.md').read_text()
    work = results['parts']['training']['lsnet_small_phantom']['work']
    assert f'| lsnet_small_phantom: training | {work["macs"] / 1e9:.1f} |' in text
    assert text == markdown(results) and text in capsys.readouterr().out
    assert 'Not run: nnunet_2d, dynamic_network_architectures is not installed (pip' in text
    assert cv2.imread(str(tmp_path / 'benchmark.png')).shape[1] == 900


def test_peak_memory_of_each_run(capfd, tmp_path):
    assert main([LSNET, *SMALL, '--parts', 'memory', '--out', str(tmp_path)]) == 0
    assert 'Initialized by' not in capfd.readouterr().out
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    peaks = results['parts']['memory']['lsnet_small_phantom']['peaks']
    # At least the weights of both nets; in training their gradients and two moments of Adam, too.
    weights = 4 * results['parts']['size']['lsnet_small_phantom']['params']
    assert list(peaks) == ['step', 'inference', 'fused']
    assert 2**32 > peaks['fused'] >= peaks['step'] > 3 * weights
    assert peaks['step'] > peaks['inference'] > weights
    assert not (tmp_path / 'benchmark.png').exists()  # nothing to draw


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['no/such.py'], 'config not found: no/such.py'),
        ([UNET, UNET], 'two configs of one name'),
        ([UNET, '--checkpoint', 'file.pth'], 'expected CONFIG=FILE'),
        ([UNET, '--checkpoint', f'other={UNET}'], 'other: not among'),
        ([UNET, '--checkpoint', 'unet_small_slices=no.pth'], 'file not found: no.pth'),
        ([UNET, '--image', UNET], '--image and --label belong together'),
        ([UNET, '--repeats', '0'], '--repeats: 0: must be at least 1'),
        ([UNET, '--with-organ', '2'], 'above 0 and up to 1'),
        ([UNET, '--with-organ', '0'], 'above 0 and up to 1'),
        ([UNET, '--device', 'cuda:99'], '--device: device cuda:99: '),
        ([UNET, '--dtype', 'float8'], "invalid choice: 'float8'"),
    ],
)
def test_what_cannot_be(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


def test_each_config_in_each_of_its_ways(scene):
    args = parse_args([UNET, LSNET, '--dtype', 'float32', 'bfloat16', '--compile'])
    systems, not_run = build_systems(args, scene)
    ways = [f'{dtype}{how}' for dtype in ('float32', 'bfloat16') for how in ('', ' compiled')]
    names = [
        f'{name}, {way}' for name in ('unet_small_slices', 'lsnet_small_phantom') for way in ways
    ]
    assert [system.name for system in systems] == names and not not_run
    assert [s.compiled for s in systems] == [False, True] * 4
    assert [s.dtype for s in systems] == ['float32', 'float32', 'bfloat16', 'bfloat16'] * 2


def test_weights_of_a_config_bring_their_own_boxes(build_system, scene, tmp_path):
    path = tmp_path / 'weights.pth'
    model = build_system('lsnet/lsnet_small_phantom').model
    torch.save(dict(state_dict=model.state_dict()), path)
    args = parse_args([LSNET, '--checkpoint', f'lsnet_small_phantom={path}'])
    (trained,), _ = build_systems(args, scene)
    row = measure_inference([trained], 1)[trained.name]
    assert row['crops'] == 0 == row['scores']['case/dsc']  # it has learnt nothing yet
