"""Each line of docs/configs.md's table does what it says, to the paper's config."""

import re
import subprocess
import textwrap

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from lsnet_mm.evaluation.computation import config_sha256
from lsnet_mm.utils.cli import build_parser
from lsnet_mm.utils.config import train_from_scratch
from lsnet_mm.utils.settings import READ, read_config

MAIN = ROOT / 'configs' / 'lsnet' / 'lsnet_r18_r34_unet_pancreas.py'
TEXT = (ROOT / 'docs' / 'configs.md').read_text()
LINES = dict(re.findall(r'^\| (.+?) \| `(\S+=.+)` \|$', TEXT, re.MULTILINE))
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def after(change):
    """The config with a line's options, as a shell and the tools read them."""
    words = ['bash', '-c', f'printf "%s\\n" {LINES[change]}']
    options = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split('\n')
    args = build_parser('').parse_args([str(MAIN), '--cfg-options', *filter(None, options)])
    return read_config(MAIN, args.cfg_options)


def datasets(config):
    return [config[name].dataset for name in LOADERS]


def sizes(config):
    steps = (step for dataset in datasets(config) for step in dataset.pipeline)
    return [step.scale for step in steps if step.type == 'ResizeSlice']


EXPECTED = {
    'backbone of L-Net': lambda c, m: len(m.localizer.backbone.layer3) == 6,
    'backbone of S-Net': lambda c, m: len(m.segmentor.backbone.layer3) == 2,
    'neck': lambda c, m: type(m.segmentor.neck).__name__ == 'AttentionUNetNeck',
    'size of slices and crops': lambda c, m: [*sizes(c), m.roi_extractor.size] == [(256, 256)] * 4,
    'data root': lambda c, m: [d.data_root for d in datasets(c)] == ['data/mine'] * 3,
    'fold': lambda c, m: [d.fold for d in datasets(c)] == [1, 1, 1],
    'gamma': lambda c, m: m.gamma == 0.01,
    'alpha, half of it a side': lambda c, m: m.roi_extractor.margin == 15,
    'schedule': lambda c, m: (c.train_cfg.max_epochs, c.param_scheduler[0].step_size) == (120, 50),
    'batch': lambda c, m: c.train_dataloader.batch_size == 16,
    'refinement rounds, of a test': lambda c, m: m.test_cfg['rounds'] == 10,
}


def test_the_table_has_all_lines():
    assert list(LINES) == list(EXPECTED)


@pytest.mark.parametrize('change', EXPECTED)
def test_a_line_does_what_it_says(change):
    plain, config = read_config(MAIN), after(change)
    hashes = {config_sha256(c.to_dict()) for c in (plain, config)}
    assert len(hashes) == (1 if change == 'data root' else 2)
    init_default_scope('mmseg')
    models = []
    for one in (plain, config):
        train_from_scratch(one.model)
        models.append(MODELS.build(one.model).eval())
    assert EXPECTED[change](config, models[1])
    assert not EXPECTED[change](plain, models[0])
    with torch.no_grad():
        models[1](torch.rand(1, 3, 64, 64), mode='tensor')


def test_a_learning_rate_with_a_name_of_its_own():
    """The commands as a shell splits them, with what they would run put aside."""
    block = TEXT[TEXT.index('    config=configs/unet/') :].split('\n\n')[0]
    script = f'python() {{ printf "%s\\n" "$@" --; }}\n{textwrap.dedent(block)}'
    words = subprocess.run(['bash', '-c', script], capture_output=True, text=True).stdout
    train, test = (call.split('\n') for call in words.split('\n--\n')[:2])
    for call in (train, test):
        options = dict(o.split('=', 1) for o in call[call.index('--cfg-options') + 1 :] if o)
        config = read_config(ROOT / call[1], options | {'optim_wrapper.optimizer.lr': 3e-3})
        assert options['optim_wrapper.optimizer.lr'] == '3e-3'
    assert config.default_hooks.result.name == 'unet_small_slices_lr3e-3'
    assert config.default_hooks.result.out_dir.endswith('/{config}/seed{seed}')


def test_the_table_names_every_config():
    files = {f'{path.parent.name}/{path.name}' for path in ROOT.glob('configs/[a-z]*/*.py')}
    assert set(re.findall(r'`([a-z]\w+/\w+\.py)`', TEXT.split('## All configs')[1])) == files


def test_another_segmentor_is_another_base(tmp_path):
    (base,) = re.findall(r"^    '\.\./(_base_/models/\S+\.py)',$", TEXT, re.MULTILINE)
    text = MAIN.read_text().replace('_base_/models/lsnet_r18_r34_unet.py', base)
    path = tmp_path / 'mine.py'
    path.write_text(text.replace("'../", f"'{ROOT}/configs/"))
    fcn = read_config(MAIN.with_name('lsnet_r18_r34_fcn_pancreas.py'))
    assert read_config(path).model == fcn.model != read_config(MAIN).model


def test_inheritance_is_at_most_three_deep():
    def depth(path):
        text = path.read_text()
        bases = [path.parent / base for base in re.findall(r"'(\.\.?/\S+\.py)'", text)]
        return 1 + max(map(depth, bases)) if bases else 0

    depths = {path: depth(path) for path in ROOT.glob('configs/**/*.py')}
    assert max(depths.values()) == 3, [p for p, d in depths.items() if d > 3]


def test_the_main_config_is_short():
    assert len(Config.fromfile(MAIN).pretty_text.splitlines()) <= 260


OURS = [p for p in ROOT.glob('configs/[a-z]*/*.py') if p.parent.name not in ('detectors', 'mmdet')]


@pytest.mark.parametrize('path', OURS, ids=lambda path: path.stem)
def test_no_config_holds_a_name_that_nothing_reads(path):
    assert read_config(path).keys() <= READ
