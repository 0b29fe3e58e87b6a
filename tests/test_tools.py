"""The command line: stock arguments, clear refusals, and a run from training to a drawn test."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import mmcv
import mmseg
import pytest
import torch
from helpers import NO_WORKERS, ROOT, load_tool, refusal, run_script
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from lsnet_mm.engine.hooks import MaskWriter

CONFIG = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
STOCK_TRAIN = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'train.py'
QUICK = (
    *NO_WORKERS,
    *(f'{name}_dataloader.dataset.indices=4' for name in ('train', 'val', 'test')),
)


def train_options(cfg, *argv):
    """A config after tools/train.py has applied some arguments to it."""
    tool = load_tool('train')
    return tool.apply_options(*tool.parse_args(['config.py', *argv]), Config(cfg))


def show_options(cfg, tmp_path, *argv):
    """The same of tools/test.py."""
    (tmp_path / 'a.pth').touch()
    tool = load_tool('test')
    return tool.apply_options(*tool.parse_args(['c.py', f'{tmp_path}/a.pth', *argv]), Config(cfg))


def test_what_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['train.py', 'nowhere.py'])
    assert 'nowhere.py' in refusal(capsys, load_tool('train').main)
    assert 'nowhere.pth' in refusal(capsys, load_tool('test').parse_args, ['c.py', 'nowhere.pth'])
    arguments = ['config.py', '--launcher', 'horse']
    assert "'horse'" in refusal(capsys, load_tool('train').parse_args, arguments)


@pytest.mark.parametrize(
    'cuda, kind, says',
    [
        (False, 'OptimWrapper', 'needs a GPU'),
        (False, 'AmpOptimWrapper', 'needs a GPU'),
        (True, 'OptimWrapperDict', 'a OptimWrapperDict'),
    ],
)
def test_what_mixed_precision_needs(monkeypatch, capsys, cuda, kind, says):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda)
    flags = [] if kind == 'AmpOptimWrapper' else ['--amp']
    cfg = dict(optim_wrapper=dict(type=kind))
    message = refusal(capsys, train_options, cfg, *flags)
    assert '--amp' in message and says in message


def test_train_options(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    cfg = dict(randomness=dict(deterministic=True), optim_wrapper=dict(dtype='bfloat16'))
    argv = ('--amp', '--resume', '--seed', '7', '--local-rank', '1')
    amp = dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale='dynamic')
    assert train_options(cfg, *argv).to_dict() == dict(
        resume=True, randomness=dict(deterministic=True, seed=7), optim_wrapper=amp
    )


def test_options_left_out_change_nothing():
    cfg = dict(resume=True, randomness=dict(seed=3))
    assert train_options(cfg).to_dict() == cfg


def test_show_dir_turns_drawing_on(tmp_path):
    hooks = dict(visualization=dict(type='TwoStageVisualizationHook'))
    cfg = dict(default_hooks=hooks, visualizer=dict(type='TwoStageVisualizer'))
    cfg = show_options(cfg, tmp_path, '--show-dir', 'pictures', '--show')
    hook = cfg.default_hooks.visualization
    assert (hook.draw, hook.show, hook.wait_time) == (True, True, 2)
    assert cfg.visualizer.save_dir == 'pictures'


def test_show_dir_without_a_hook(tmp_path, capsys):
    message = refusal(capsys, show_options, dict(), tmp_path, '--show-dir', 'pictures')
    assert 'default_hooks.visualization' in message


@pytest.mark.parametrize(
    'name, fields',
    [
        ('CASE_01_007', dict(case='CASE_01', slice_index=7)),
        ('picture', dict(img_path='some/picture.jpg')),
    ],
)
def test_mask_writer(tmp_path, name, fields):
    mask = torch.arange(12).reshape(1, 3, 4) % 3
    sample = SegDataSample(metainfo=fields, pred_sem_seg=PixelData(data=mask))
    MaskWriter(tmp_path / 'out').after_test_iter(None, 0, None, [sample])
    written = mmcv.imread(str(tmp_path / 'out' / f'{name}.png'), 'unchanged')
    assert written.tolist() == mask[0].tolist()


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_dist_scripts_say_how_to_call_them(script):
    result = subprocess.run([ROOT / 'tools' / script], capture_output=True, text=True)
    assert result.returncode == 2 and 'usage:' in result.stderr


@pytest.fixture(scope='module')
def trained(phantom_folder):
    """A working folder after an epoch with MMSegmentation's script, which knows nothing of us.

    tools/train.py takes over from its checkpoint; without it, tools/train.py trains here too.
    """
    script = STOCK_TRAIN if STOCK_TRAIN.is_file() else 'train.py'
    options = ('train_cfg.max_epochs=1', 'param_scheduler=[]', *QUICK)
    run_script(script, CONFIG, '--cfg-options', *options, cwd=phantom_folder)
    return phantom_folder


@pytest.mark.slow
@pytest.mark.skipif(not STOCK_TRAIN.is_file(), reason='mmseg is installed without its tools')
def test_stock_mmseg_script_trains_our_config(trained):
    assert (trained / 'work_dirs' / CONFIG.stem / 'epoch_1.pth').is_file()


@pytest.mark.slow
def test_resume_goes_on_in_a_distributed_run(trained):
    """One process is enough to pass through launcher, process group and model wrapper."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    options = ('train_cfg.max_epochs=2', 'find_unused_parameters=True', 'param_scheduler=[]')
    arguments = (CONFIG, 1, '--resume', '--cfg-options', *options, *QUICK)
    printed = run_script('dist_train.sh', *arguments, cwd=trained, PORT=port)
    assert 'resumed epoch: 1' in printed
    assert (trained / 'work_dirs' / CONFIG.stem / 'epoch_2.pth').is_file()


@pytest.mark.slow
def test_test_scores_and_draws(trained):
    run = trained / 'work_dirs' / CONFIG.stem
    checkpoint = (run / 'last_checkpoint').read_text().strip()
    options = ('--show-dir', 'pictures', '--out', 'masks', '--cfg-options', *QUICK)
    run_script('test.py', CONFIG, checkpoint, *options, cwd=trained)
    assert (run / 'result.json').is_file()
    assert len(list((trained / 'masks').glob('*.png'))) == 4
    assert len(list((trained / 'pictures').rglob('*.png'))) == 4


@pytest.mark.slow
def test_test_refuses_a_malicious_checkpoint(phantom_folder):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(phantom_folder / 'marker'),)

    torch.save(dict(state_dict={}, extra=Payload()), phantom_folder / 'bad.pth')
    arguments = (CONFIG, 'bad.pth', '--work-dir', 'bad', '--cfg-options', *QUICK)
    printed = run_script('test.py', *arguments, cwd=phantom_folder, fails=True)
    assert '--unsafe-checkpoint' in printed
    assert not (phantom_folder / 'marker').exists()


def test_the_documents_lines_train_by_iterations(phantom_folder):
    """Those of docs/training.md, on the phantom."""
    text = (ROOT / 'docs' / 'training.md').read_text().split('By iterations:')[1]
    text = text.split('```python\n')[1].split('```')[0]
    path = phantom_folder / 'mine.py'
    path.write_text(text.replace('./lsnet_r18_r34_unet_pancreas.py', str(CONFIG)))
    quick = ('train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2')
    quick += ('default_hooks.checkpoint.interval=2', 'default_hooks.logger.interval=1')
    printed = run_script('train.py', path, '--cfg-options', *quick, *QUICK, cwd=phantom_folder)
    assert (phantom_folder / 'work_dirs' / 'mine' / 'iter_2.pth').is_file()
    assert 'Iter(train) [2/2]' in printed
