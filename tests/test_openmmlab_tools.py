"""MMSegmentation's own tools with our configs, and ours where one of them does not fit."""

import json
from pathlib import Path

import mmseg
import pytest
from helpers import ROOT, load_tool, refusal, run_script

MMSEG = Path(mmseg.__file__).parent / '.mim' / 'tools'
CONFIGS = ROOT / 'configs'
PHANTOM = CONFIGS / 'lsnet' / 'lsnet_small_phantom.py'


def test_print_config(tmp_path):
    printed = run_script(MMSEG / 'misc' / 'print_config.py', PHANTOM, cwd=tmp_path)
    assert "type='KPBBRHead'" in printed and "type='AlternatingTrainLoop'" in printed


def test_browse_dataset(phantom_folder):
    """It takes three channels for granted; of neighbours the visualizer shows the middle one."""
    dataset = 'train_dataloader.dataset'
    options = ('--cfg-options', f'{dataset}.indices=2', f'{dataset}.pipeline.0.neighbours=1')
    arguments = (PHANTOM, '--not-show', '--output-dir', 'seen', *options)
    run_script(MMSEG / 'misc' / 'browse_dataset.py', *arguments, cwd=phantom_folder)
    pictures = [p for p in (phantom_folder / 'seen').rglob('*') if p.suffix in ('.png', '.jpg')]
    assert pictures and all(p.stat().st_size > 1000 for p in pictures)


def test_analyze_logs(tmp_path):
    pytest.importorskip('seaborn')
    keys = ('loss', 'segmentor.decode.loss_focal_dice')
    lines = [dict.fromkeys(keys, 1 / step) | dict(epoch=1, step=step) for step in range(1, 4)]
    (tmp_path / 'log.json').write_text('\n'.join(map(json.dumps, lines)))
    arguments = ('log.json', '--keys', *keys, '--out', 'loss.png')
    run_script(MMSEG / 'analysis_tools' / 'analyze_logs.py', *arguments, cwd=tmp_path)
    assert (tmp_path / 'loss.png').stat().st_size > 1000


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
    config = str(CONFIGS / f'{name}.py')
    main([config, '--shape', '64'])
    printed = capsys.readouterr().out
    assert 'GFLOPs' in printed and all(count in printed for count in counts)
    assert '--shape' in refusal(capsys, main, [config, '--shape', '1', '2', '3'])
