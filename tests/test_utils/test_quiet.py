"""What our commands print: no word of others, no config, one table of scores."""

import subprocess
import sys

from helpers import NO_WORKERS, ROOT, run_script

CONFIG = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
QUICK = (*NO_WORKERS, 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
QUICK += tuple(f'{name}_dataloader.dataset.indices=4' for name in ('train', 'val', 'test'))
NOISE = ('mmcv-lite', 'OneDL', 'FileClient', 'HardDiskBackend', 'The prefix is not set')
NOISE += ('System environment', 'Hooks will be executed', 'Config:', 'KPBBRHead')


def test_imports_are_quiet():
    """With the filters of Python itself, not those of the tests."""
    code = 'import lsnet_mm.models, lsnet_mm.datasets, lsnet_mm.engine, lsnet_mm.apis'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode == 0
    assert not [word for word in NOISE if word in result.stdout + result.stderr]


def test_a_training_and_a_test(phantom_folder):
    """The log file has what the terminal has not."""
    printed = run_script('train.py', CONFIG, '--cfg-options', *QUICK, cwd=phantom_folder)
    assert not [word for word in NOISE if word in printed]
    assert 'Epoch(train) [1]' in printed and len(printed.splitlines()) < 60
    assert printed.count('case/dsc') == 0 and printed.count('slice_fg') > 0
    assert 'epoch 1, iteration 1' in printed
    folder = phantom_folder / 'work_dirs' / CONFIG.stem
    (log,) = folder.glob('*/*.log')
    text = log.read_text()
    assert all(word in text for word in ('Hooks will be executed', 'KPBBRHead', 'case/dsc: '))
    argv = (CONFIG, folder / 'epoch_1.pth', '--cfg-options', *QUICK)
    printed = run_script('test.py', *argv, cwd=phantom_folder)
    assert not [word for word in NOISE if word in printed]
    assert 'Epoch(test)' not in printed and printed.count('slice_all') == 2  # and of the oracle


def test_a_typing_error_prints_a_few_lines(phantom_folder):
    option = 'model.segmentor.backbone.dept=34'
    printed = run_script(
        'train.py', CONFIG, '--cfg-options', option, *QUICK, cwd=phantom_folder, fails=True
    )
    assert "Did you mean 'depth'?" in printed and len(printed.splitlines()) <= 10
    assert 'Traceback' not in printed


def test_scores_without_a_table_stay(phantom_folder):
    """Of MMSegmentation's metric, or where the hook is taken out."""
    options = (*QUICK, 'default_hooks.result=None')
    printed = run_script('train.py', CONFIG, '--cfg-options', *options, cwd=phantom_folder)
    assert 'case/dsc: ' in printed and 'slice_fg ' not in printed
    path = phantom_folder / 'iou.py'
    metric = "val_evaluator = dict(_delete_=True, type='IoUMetric')\ntest_evaluator = val_evaluator"
    path.write_text(f"_base_ = '{CONFIG}'\n{metric}\n")
    printed = run_script('train.py', path, '--cfg-options', *QUICK, cwd=phantom_folder)
    assert 'mIoU: ' in printed
    checkpoint = phantom_folder / 'work_dirs' / 'iou' / 'epoch_1.pth'
    printed = run_script('test.py', path, checkpoint, '--cfg-options', *QUICK, cwd=phantom_folder)
    assert 'mIoU: ' in printed and 'no result.json will be written' in printed
