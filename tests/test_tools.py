"""The command line: stock arguments, clear refusals, and a run from training to a drawn test."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import mmcv
import mmseg
import pytest
import torch
from mmengine.config import Config

from lsnet_mm.engine.hooks import MaskWriter

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
STOCK_TRAIN = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'train.py'
QUICK = (
    'param_scheduler=[]',  # a schedule of many epochs has no room in one
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'test_dataloader.num_workers=0',
    'train_dataloader.dataset.indices=4',
    'val_dataloader.dataset.indices=4',
    'test_dataloader.dataset.indices=4',
)


def load_tool(name):
    spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_script(script, *args, cwd, **env):
    """Run a tool; a .sh runs as it is, with the Python of these tests."""
    python = () if script.suffix == '.sh' else (sys.executable, '-W', 'ignore')
    fixed = {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}
    return subprocess.run(
        [*python, str(script), *map(str, args)],
        cwd=cwd,
        env={**os.environ, **fixed, **env},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture
def train_tool():
    return load_tool('train')


@pytest.fixture
def test_tool():
    return load_tool('test')


def refusal(capsys, function, *args):
    with pytest.raises(SystemExit) as caught:
        function(*args)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_missing_config(train_tool, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['train.py', 'nowhere.py'])
    assert 'config not found: nowhere.py' in refusal(capsys, train_tool.main)


def test_missing_checkpoint(test_tool, capsys):
    message = refusal(capsys, test_tool.parse_args, ['config.py', 'nowhere.pth'])
    assert 'checkpoint not found: nowhere.pth' in message


@pytest.mark.parametrize('flags, kind', [(['--amp'], 'OptimWrapper'), ([], 'AmpOptimWrapper')])
def test_amp_without_cuda(train_tool, monkeypatch, capsys, flags, kind):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    parser, args = train_tool.parse_args(['config.py', *flags])
    cfg = Config(dict(optim_wrapper=dict(type=kind)))
    message = refusal(capsys, train_tool.apply_options, parser, args, cfg)
    assert 'mixed precision (--amp, AmpOptimWrapper) needs a GPU' in message


def test_unknown_launcher(train_tool, capsys):
    message = refusal(capsys, train_tool.parse_args, ['config.py', '--launcher', 'horse'])
    assert "invalid choice: 'horse'" in message


def test_train_options(train_tool, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    argv = ['config.py', '--amp', '--resume', '--seed', '7', '--local-rank', '1']
    parser, args = train_tool.parse_args(argv)
    cfg = Config(dict(randomness=dict(deterministic=True), optim_wrapper=dict(type='OptimWrapper')))
    cfg = train_tool.apply_options(parser, args, cfg)
    assert cfg.resume is True
    assert cfg.randomness == dict(deterministic=True, seed=7)
    assert cfg.optim_wrapper == dict(type='AmpOptimWrapper', loss_scale='dynamic')


def test_amp_in_bfloat16(train_tool, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    parser, args = train_tool.parse_args(['config.py', '--amp'])
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper', dtype='bfloat16')))
    wrapper = train_tool.apply_options(parser, args, cfg).optim_wrapper
    assert wrapper == dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale='dynamic')


def test_amp_needs_a_plain_wrapper(train_tool, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    parser, args = train_tool.parse_args(['config.py', '--amp'])
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapperDict')))
    message = refusal(capsys, train_tool.apply_options, parser, args, cfg)
    assert 'this config has a OptimWrapperDict' in message


def test_options_left_out_change_nothing(train_tool):
    parser, args = train_tool.parse_args(['config.py'])
    cfg = Config(dict(resume=True, randomness=dict(seed=3)))
    assert train_tool.apply_options(parser, args, cfg).to_dict() == cfg.to_dict()


def test_show_dir_turns_drawing_on(test_tool, tmp_path):
    (tmp_path / 'a.pth').touch()
    argv = ['config.py', str(tmp_path / 'a.pth'), '--show-dir', 'pictures', '--show']
    parser, args = test_tool.parse_args(argv)
    hooks = dict(visualization=dict(type='TwoStageVisualizationHook'))
    cfg = Config(dict(default_hooks=hooks, visualizer=dict(type='TwoStageVisualizer')))
    cfg = test_tool.apply_options(parser, args, cfg)
    hook = cfg.default_hooks.visualization
    assert (hook.draw, hook.show, hook.wait_time) == (True, True, 2)
    assert cfg.visualizer.save_dir == 'pictures'


def test_show_dir_without_a_hook(test_tool, tmp_path, capsys):
    (tmp_path / 'a.pth').touch()
    argv = ['config.py', str(tmp_path / 'a.pth'), '--show-dir', 'pictures']
    parser, args = test_tool.parse_args(argv)
    message = refusal(capsys, test_tool.apply_options, parser, args, Config(dict()))
    assert 'default_hooks.visualization' in message


@pytest.mark.parametrize(
    'name, fields',
    [
        ('CASE_01_007', dict(case='CASE_01', slice_index=7)),
        ('picture', dict(img_path='some/picture.jpg')),
    ],
)
def test_mask_writer(tmp_path, name, fields):
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    mask = torch.arange(12).reshape(1, 3, 4) % 3
    sample = SegDataSample(metainfo=fields, pred_sem_seg=PixelData(data=mask))
    MaskWriter(tmp_path / 'out').after_test_iter(None, 0, None, [sample])
    written = mmcv.imread(str(tmp_path / 'out' / f'{name}.png'), 'unchanged')
    assert written.tolist() == mask[0].tolist()


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_dist_scripts_say_how_to_call_them(script):
    result = subprocess.run([str(ROOT / 'tools' / script)], capture_output=True, text=True)
    assert result.returncode == 2
    assert 'usage:' in result.stderr


@pytest.fixture(scope='module')
def phantom(tmp_path_factory):
    """A folder with data/phantom in it, as the phantom configs expect."""
    folder = tmp_path_factory.mktemp('phantom')
    size = ('--cases', 4, '--size', 64, '--slices', 8)
    made = run_script(ROOT / 'tools' / 'make_phantom.py', 'data/phantom', *size, cwd=folder)
    assert made.returncode == 0, made.stdout
    return folder


@pytest.fixture(scope='module')
def trained(phantom):
    """The same folder after one epoch with MMSegmentation's own script, which knows nothing of us.

    tools/train.py takes over from its checkpoint; without it, tools/train.py trains here too.
    """
    script = STOCK_TRAIN if STOCK_TRAIN.is_file() else ROOT / 'tools' / 'train.py'
    result = run_script(
        script, CONFIG, '--cfg-options', 'train_cfg.max_epochs=1', *QUICK, cwd=phantom
    )
    assert result.returncode == 0, result.stdout[-4000:]
    return phantom


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
    options = ('train_cfg.max_epochs=2', 'find_unused_parameters=True', *QUICK)
    arguments = (CONFIG, 1, '--resume', '--cfg-options', *options)
    result = run_script(ROOT / 'tools' / 'dist_train.sh', *arguments, cwd=trained, PORT=port)
    assert result.returncode == 0, result.stdout[-4000:]
    assert 'resumed epoch: 1' in result.stdout
    assert (trained / 'work_dirs' / CONFIG.stem / 'epoch_2.pth').is_file()


@pytest.mark.slow
def test_test_scores_and_draws(trained):
    run = trained / 'work_dirs' / CONFIG.stem
    checkpoint = (run / 'last_checkpoint').read_text().strip()
    options = ('--show-dir', 'pictures', '--out', 'masks', '--cfg-options', *QUICK)
    result = run_script(ROOT / 'tools' / 'test.py', CONFIG, checkpoint, *options, cwd=trained)
    assert result.returncode == 0, result.stdout[-4000:]
    assert (run / 'result.json').is_file()
    assert len(list((trained / 'masks').glob('*.png'))) == 4
    assert len(list((trained / 'pictures').rglob('*.png'))) == 4


@pytest.mark.slow
def test_test_refuses_a_malicious_checkpoint(phantom):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(phantom / 'marker'),)

    torch.save(dict(state_dict={}, extra=Payload()), phantom / 'bad.pth')
    options = ('--work-dir', 'bad', '--cfg-options', *QUICK)
    result = run_script(ROOT / 'tools' / 'test.py', CONFIG, 'bad.pth', *options, cwd=phantom)
    assert result.returncode != 0
    assert '--unsafe-checkpoint' in result.stdout
    assert not (phantom / 'marker').exists()


def test_the_documents_lines_train_by_iterations(tmp_path):
    """Those of docs/training.md, on the phantom."""
    text = (ROOT / 'docs' / 'training.md').read_text().split('By iterations:')[1]
    text = text.split('```python\n')[1].split('```')[0]
    path = tmp_path / 'mine.py'
    path.write_text(text.replace('./lsnet_r18_r34_unet_pancreas.py', str(CONFIG)))
    size = ('--cases', 6, '--size', 64, '--slices', 8)
    made = run_script(ROOT / 'tools/make_phantom.py', 'data/phantom', *size, cwd=tmp_path)
    assert made.returncode == 0, made.stdout
    quick = [o for o in QUICK if not o.startswith('param_scheduler')]
    quick += ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2']
    quick += ['default_hooks.checkpoint.interval=2', 'default_hooks.logger.interval=1']
    result = run_script(ROOT / 'tools/train.py', path, '--cfg-options', *quick, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-3000:]
    assert (tmp_path / 'work_dirs' / 'mine' / 'iter_2.pth').is_file()
    assert 'Iter(train) [2/2]' in result.stdout
