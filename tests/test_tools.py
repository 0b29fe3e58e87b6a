"""The command line: stock arguments, clear refusals, and what trains by it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import mmcv
import mmseg
import numpy as np
import pytest
import torch
from helpers import NO_WORKERS, ROOT, load_tool, refusal, run_script
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from lsnet_mm.apis import build_model
from lsnet_mm.engine.hooks import MaskWriter
from lsnet_mm.version import __version__

CONFIG = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
MMSEG = Path(mmseg.__file__).parent / '.mim' / 'tools'
STOCK_TRAIN = MMSEG / 'train.py'
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


def test_mask_writer_loses_none(tmp_path):
    writer, label = MaskWriter(tmp_path), PixelData(data=torch.zeros(1, 3, 4))
    a, b = (dict(img_path=f'{site}/x.jpg', case='x', slice_index=7) for site in 'ab')
    samples = [SegDataSample(metainfo=meta, pred_sem_seg=label) for meta in (a, a, b)]
    writer.after_test_iter(None, 0, None, samples[:2])
    with pytest.raises(ValueError, match='^a/x.jpg and b/x.jpg would both be written to .*x_007'):
        writer.after_test_iter(None, 1, None, samples[2:])


def test_mmengines_hook_is_exchanged(tmp_path):
    tool, of_mine = load_tool('train'), dict(type='CheckpointHook', interval=3)
    for hooks, expected in (
        (None, dict(type='DurableCheckpointHook')),
        (dict(checkpoint=None), None),
        (dict(checkpoint=of_mine), dict(of_mine, type='DurableCheckpointHook')),
        (dict(checkpoint=dict(type='Mine')), dict(type='Mine')),
    ):
        cfg = Config(dict(default_hooks=hooks, custom_hooks=[of_mine]))
        tool.keep_checkpoints_whole(cfg)
        assert cfg.default_hooks.checkpoint == expected
        assert cfg.custom_hooks == [dict(of_mine, type='DurableCheckpointHook')]


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_dist_scripts_say_how_to_call_them(script):
    result = subprocess.run([ROOT / 'tools' / script], capture_output=True, text=True)
    assert result.returncode == 2 and 'usage:' in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(not STOCK_TRAIN.is_file(), reason='mmseg is installed without its tools')
def test_stock_mmseg_script_trains_our_config(phantom_folder):
    """It knows nothing of us."""
    options = ('train_cfg.max_epochs=1', 'param_scheduler=[]', *QUICK)
    run_script(STOCK_TRAIN, CONFIG, '--cfg-options', *options, cwd=phantom_folder)
    assert (phantom_folder / 'work_dirs' / CONFIG.stem / 'epoch_1.pth').is_file()


@pytest.mark.slow
def test_malicious_checkpoints_are_refused_in_a_sentence(phantom_folder):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(phantom_folder / 'marker'),)

    torch.save(dict(state_dict={}, extra=Payload()), phantom_folder / 'bad.pth')
    for tool, *arguments in (
        ('test.py', CONFIG, 'bad.pth', '--work-dir', 'bad', '--cfg-options', *QUICK),
        ('train.py', CONFIG, '--work-dir', 'bad', '--cfg-options', 'load_from=bad.pth', *QUICK),
    ):
        printed = run_script(tool, *arguments, cwd=phantom_folder, fails=True)
        assert '--unsafe-checkpoint' in printed and 'Traceback' not in printed
    assert not (phantom_folder / 'marker').exists()


@pytest.mark.slow
def test_test_refuses_weights_of_another_config(phantom_folder):
    """mmengine would score random weights, after a warning."""
    other = build_model(ROOT / 'configs/lsnet/lsnet_small_fcn_slices.py')
    torch.save(dict(state_dict=other.state_dict()), phantom_folder / 'other.pth')
    arguments = (CONFIG, 'other.pth', '--work-dir', 'bad', '--cfg-options', *QUICK)
    printed = run_script('test.py', *arguments, cwd=phantom_folder, fails=True)
    assert 'other.pth is no checkpoint of this config: it ' in printed
    assert 'Traceback' not in printed


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


def test_browse_dataset(phantom_folder):
    """Slices of a case each have a picture; mmseg's script names them by file, all the same."""
    options = ('--number', 3, '--output-dir', 'seen', '--cfg-options', *QUICK)
    run_script('browse_dataset.py', CONFIG, *options, cwd=phantom_folder)
    pictures = sorted((phantom_folder / 'seen').iterdir())
    assert len(pictures) == 3 and all(re.fullmatch(r'.+_\d{3}\.png', p.name) for p in pictures)
    # Not in even steps, which may be those of cases; but always the same.
    assert len({p.stem[-3:] for p in pictures}) > 1
    green = np.array([150, 200, 0])  # the ground truth's colour, BGR
    seen = [np.abs(cv2.imread(str(p)).astype(int) - green).max(-1).min() for p in pictures]
    assert min(seen) < 30


def test_print_config(capsys):
    """What is printed is the config again, with the options."""
    path = str(ROOT / 'configs/lsnet/lsnet_small_phantom.py')
    load_tool('print_config').main([path, '--cfg-options', 'train_cfg.max_epochs=3'])
    printed = Config.fromstring(capsys.readouterr().out, '.py').to_dict()
    expected = Config.fromfile(path)
    expected.train_cfg.max_epochs = 3
    assert printed == expected.to_dict()
    main = load_tool('print_config').main
    assert 'nowhere.py' in refusal(capsys, main, ['nowhere.py'])


def test_stock_tools_of_analysis(phantom_folder):
    """On our config, and on the losses that our loop logs."""
    printed = run_script(MMSEG / 'misc' / 'print_config.py', CONFIG, cwd=phantom_folder)
    assert "type='KPBBRHead'" in printed and "type='AlternatingTrainLoop'" in printed
    pytest.importorskip('seaborn')
    key = 'segmentor.decode.loss_focal_dice'
    lines = (f'{{"loss": 1, "{key}": {step}, "epoch": 1, "step": {step}}}' for step in (1, 2, 3))
    (phantom_folder / 'log.json').write_text('\n'.join(lines))
    arguments = ('log.json', '--keys', 'loss', key, '--out', 'loss.png')
    run_script(MMSEG / 'analysis_tools' / 'analyze_logs.py', *arguments, cwd=phantom_folder)
    assert (phantom_folder / 'loss.png').stat().st_size > 1000


@pytest.mark.parametrize(
    'name, counts',
    [
        ('unet/unet_small_slices', ()),
        ('rstn/rstn_small_unet_slices', ()),
        # Those of the paper's nets.
        ('lsnet/lsnet_r18_r34_unet_pancreas', ('14,503,173', '24,436,369', '38,939,542')),
    ],
)
def test_get_flops_is_ours(capsys, name, counts):
    """MMSegmentation's wants ``cfg.model.decode_head``."""
    main = load_tool('get_flops').main
    config = str(ROOT / 'configs' / f'{name}.py')
    main([config, '--shape', '64'])
    printed = capsys.readouterr().out
    assert 'GFLOPs' in printed and all(count in printed for count in counts)
    assert '--shape' in refusal(capsys, main, [config, '--shape', '1', '2', '3'])


def test_get_flops_names_what_does_not_fit():
    options = ['--shape', '64', '--cfg-options', 'model.neck.in_channels=(1,2,3,4,5)']
    with pytest.raises(SystemExit, match='UNetNeck: the backbone gives features of'):
        load_tool('get_flops').main([str(ROOT / 'configs/unet/unet_small_slices.py'), *options])


SHOWS = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit as end:
    assert not end.code
assert not {'torch', 'mmcv', 'mmseg', 'mmengine.runner'} & set(sys.modules)
"""


@pytest.mark.parametrize('tool', sorted((ROOT / 'tools').glob('*.py')), ids=lambda tool: tool.stem)
def test_help_needs_no_torch(tool):
    """Nor does the version: both are there at once."""
    for option in ('--help', '--version'):
        command = [sys.executable, '-c', SHOWS, str(tool), option]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert result.returncode == 0, result.stderr
        assert ('usage:' if option == '--help' else __version__) in result.stdout
