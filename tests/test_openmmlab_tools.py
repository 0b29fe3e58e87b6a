"""MMSegmentation's own tools with our configs, and ours where one of them does not fit."""

import json
from pathlib import Path

import mmseg
import pytest
from test_tools import load_tool, run_script

ROOT = Path(__file__).resolve().parents[1]
MMSEG = Path(mmseg.__file__).parent / '.mim' / 'tools'
PHANTOM = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A working folder with a phantom in ``data/phantom``."""
    path = tmp_path_factory.mktemp('work')
    size = ('--cases', 6, '--size', 64, '--slices', 8)
    result = run_script(ROOT / 'tools' / 'make_phantom.py', 'data/phantom', *size, cwd=path)
    assert result.returncode == 0, result.stdout
    return path


def stock(name, *args, cwd):
    result = run_script(MMSEG / name, *args, cwd=cwd)
    assert result.returncode == 0, result.stdout[-3000:]
    return result.stdout


def test_print_config(folder):
    printed = stock('misc/print_config.py', PHANTOM, cwd=folder)
    assert "type='KPBBRHead'" in printed and "type='AlternatingTrainLoop'" in printed


def test_browse_dataset(folder):
    """It takes three channels for granted; of neighbours the visualizer shows the middle one."""
    dataset = 'train_dataloader.dataset'
    options = ('--cfg-options', f'{dataset}.indices=2', f'{dataset}.pipeline.0.neighbours=1')
    stock(
        'misc/browse_dataset.py',
        PHANTOM,
        '--not-show',
        '--output-dir',
        'seen',
        *options,
        cwd=folder,
    )
    pictures = [p for p in (folder / 'seen').rglob('*') if p.suffix in ('.png', '.jpg')]
    assert pictures and all(p.stat().st_size > 1000 for p in pictures)


def test_analyze_logs(folder):
    pytest.importorskip('seaborn')
    lines = [
        {'loss': 1 / step, 'segmentor.decode.loss_focal_dice': 0.5 / step, 'epoch': 1, 'step': step}
        for step in range(1, 4)
    ]
    (folder / 'log.json').write_text('\n'.join(map(json.dumps, lines)))
    keys = ('--keys', 'loss', 'segmentor.decode.loss_focal_dice')
    stock('analysis_tools/analyze_logs.py', 'log.json', *keys, '--out', 'loss.png', cwd=folder)
    assert (folder / 'loss.png').stat().st_size > 1000


@pytest.mark.parametrize('name', ['unet/unet_small_slices', 'rstn/rstn_small_unet_slices'])
def test_get_flops_of_one_and_of_two_stages(capsys, name):
    load_tool('get_flops').main([str(ROOT / 'configs' / f'{name}.py'), '--shape', '64', '64'])
    assert 'GFLOPs' in capsys.readouterr().out


def test_get_flops_is_ours(capsys):
    """MMSegmentation's wants ``cfg.model.decode_head``. The numbers are the paper's net's."""
    config = ROOT / 'configs' / 'lsnet' / 'lsnet_r18_r34_unet_pancreas.py'
    load_tool('get_flops').main([str(config), '--shape', '64'])
    printed = capsys.readouterr().out
    assert '14,503,173' in printed and '24,436,369' in printed and '38,939,542' in printed
    with pytest.raises(SystemExit):
        load_tool('get_flops').main([str(config), '--shape', '1', '2', '3'])
    assert '--shape wants' in capsys.readouterr().err
