"""Settings that do nothing are refused, with the path that works; those that do something pass."""

import inspect
import re
import sys
from pathlib import Path

import mmseg
import pytest
from helpers import ROOT, load_tool, refusal
from mmengine.config import Config
from mmengine.hooks.test_time_aug_hook import build_runner_with_tta
from mmengine.runner import FlexibleRunner, Runner

from lsnet_mm.apis.model import read_model_config
from lsnet_mm.utils import allow_external_configs, read_config
from lsnet_mm.utils.settings import FALLBACKS, NO_OPTIONS, READ, check_file, check_options

CONFIGS = ROOT / 'configs'
MAIN = CONFIGS / 'lsnet' / 'lsnet_r18_r34_unet_pancreas.py'
OWN = sorted(p for p in CONFIGS.glob('*/*.py') if p.parent.name != '_base_')
MMSEG = Path(mmseg.__file__).parent / '.mim'
#: Names in MMSegmentation's configs that change nothing: left over from version 0 or from another
#: file, and one typing error, by which BiSeNetV2 with OHEM trains without OHEM.
MMSEG_DEAD = {
    ('bisenetv2_fcn_4xb4-ohem-160k_cityscapes-1024x1024', 'models'),
    ('fpn_poolformer_s12_8xb4-40k_ade20k-512x512', 'img_norm_cfg'),
    ('knet-s3_swin-t_upernet_8xb2-adamw-80k_ade20k-512x512', 'conv_kernel_size'),
    ('knet-s3_swin-t_upernet_8xb2-adamw-80k_ade20k-512x512', 'norm_cfg'),
    ('knet-s3_swin-t_upernet_8xb2-adamw-80k_ade20k-512x512', 'num_stages'),
    ('mae-base_upernet_8xb2-amp-160k_ade20k-512x512', 'fp16'),
    ('mobilenet-v3-d8-scratch_lraspp_4xb4-320k_cityscapes-512x1024', 'runner'),
    ('mobilenet-v3-d8_lraspp_4xb4-320k_cityscapes-512x1024', 'runner'),
    ('san-vit-b16_coco-stuff164k-640x640', 'data_preprocessor'),
    ('segmenter_vit-s_mask_8xb1-160k_ade20k-512x512', 'backbone_norm_cfg'),
    ('segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512', 'crop_size'),
    ('swin-tiny-patch4-window7_upernet_1xb8-20k_levir-256x256', 'norm_cfg'),
}
BASE = """
size = (32, 32)
flip = dict(type='RandomFlip')
model = dict(backbone=dict(depth=18, norm_cfg=dict(type='BN')), size=size)
train_dataloader = dict(batch_size=8, dataset=dict(data_root='data', pipeline=[flip]))
"""


NOTHING = 'This config has nothing that looks like it.'


@pytest.fixture
def child(tmp_path):
    """Writes a config that inherits ``BASE``."""

    def write(text, name='child.py', base='./base.py'):
        (tmp_path / 'base.py').write_text(BASE)
        (tmp_path / name).write_text(f'_base_ = {base!r}\n{text}\n')
        return tmp_path / name

    return write


@pytest.fixture(scope='module')
def main_config():
    return read_config(MAIN)


def refused(function, *args):
    with pytest.raises(ValueError, match='changes nothing') as caught:
        function(*args)
    *sentences, more = str(caught.value).splitlines()
    assert 'docs/configs.md' in more
    return '\n'.join(sentences or [more])


@pytest.mark.parametrize('code', [Runner, FlexibleRunner, build_runner_with_tta])
def test_what_mmengine_reads_is_known(code):
    code = inspect.getsource(code)
    found = re.findall(r"\bcfg(?:\.get\(|\[)\s*'(\w+)'|'(\w+)' in cfg|hasattr\(cfg, '(\w+)'", code)
    found = {name for names in found for name in names if name}
    assert len(found) > 1
    assert found <= READ


def test_what_tools_read_is_known():
    scripts = [MMSEG / 'tools' / 'train.py', MMSEG / 'tools' / 'test.py', MMSEG.parent / 'apis']
    scripts += [ROOT / 'tools', ROOT / 'lsnet_mm' / 'utils' / 'cli.py']
    files = [f for s in scripts for f in ([s] if s.is_file() else s.glob('*.py'))]
    code = '\n'.join(path.read_text() for path in files)
    found = set(re.findall(r"\bcfg\.get\('(\w+)'|\bcfg\.(\w+)\b(?!\()", code))
    found = {name for names in found for name in names if name}
    assert {'test_pipeline', 'tta_model', 'work_dir', 'model_wrapper_cfg'} <= found
    assert found <= READ


@pytest.mark.parametrize(
    'option, value, works',
    [
        ('localizer.backbone.depth', 50, 'model.localizer.backbone.depth'),
        # The config need not have it.
        ('localizer.backbone.frozen_stages', 1, 'model.localizer.backbone.frozen_stages'),
        (
            'data_root',
            'mine',
            'train_dataloader.dataset.data_root, val_dataloader.dataset.data_root, '
            'test_dataloader.dataset.data_root',
        ),
        ('lr', 0.1, 'optim_wrapper.optimizer.lr'),
        ('vis_backends', [], 'visualizer.vis_backends'),
        ('modle.gamma', 0.2, 'model.gamma'),
    ],
)
def test_option_names_the_path_that_works(main_config, option, value, works):
    """The sentence is the feature."""
    root = option.split('.')[0]
    assert refused(check_options, main_config, {option: value}) == (
        f'{option} changes nothing: nothing reads {root!r} in a config. Set instead: {works}.'
    )


ALIKE = """
model = dict(_delete_=True, roi_size=_base_.size, size=(4, 4), b=dict(lr=1), lr=2)
pipeline = [dict(type='Resize', scale=model['size'])]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(nets=[dict(depth=k) for k in range(7)])
n = 18
"""


@pytest.mark.parametrize(
    'option, says',
    [
        ('pipeline.0.scale', 'train_dataloader.dataset.pipeline.0.scale.'),
        # No such name: the same last word, and where else such a size is.
        ('image_size', ' model.size, train_dataloader.dataset.pipeline.0.scale.'),
        ('lr', 'Set instead: model.lr, model.b.lr.'),  # short paths come first, and few of many
        ('depth', 'val_dataloader.nets.3.depth, val_dataloader.nets.4.depth and 2 more.'),
        *((name, NOTHING) for name in ('a.0.type', 'nonsense', 'n', 'n.x')),
    ],
)
def test_a_path_with_other_words(child, option, says):
    said = refused(check_options, Config.fromfile(child(ALIKE)), {option: 3})
    assert said.endswith(says)


def test_hooks_that_are_none_are_taken_out():
    """mmengine stops at those that are not its own."""
    names = 'result', 'seed', 'logger'
    config = read_config(MAIN, {f'default_hooks.{name}': None for name in names})
    assert config.default_hooks.logger is None  # which mmengine takes for an order
    assert not {'result', 'seed'} & config.default_hooks.keys()
    assert config.default_hooks.check.type == 'CheckHook'


def test_options_that_are_read_pass(main_config):
    check_options(main_config, dict.fromkeys(READ - {*FALLBACKS} - NO_OPTIONS))
    check_options(main_config, {'model.localizer.backbone.depth': 50})


@pytest.mark.parametrize('root', sorted(NO_OPTIONS))
def test_options_that_come_too_late_or_belong_to_other_scripts(main_config, root):
    said = refused(check_options, main_config, {f'{root}.x': 1})
    where = '--launcher' if root == 'launcher' else f'{root!r} in a config file'
    assert said.startswith(f'{root}.x ') and f'set {where}. ' in said


def test_read_only_where_nothing_is_nearer(child):
    options = {'data_preprocessor.size': 1, 'test_pipeline.0.type': 'A'}
    check_options(Config.fromfile(child('')), options)
    text = 'model = dict(data_preprocessor=dict(size=2))\n'
    near = child(text + 'test_dataloader = dict(dataset=dict(pipeline=[dict(type="B")]))')
    said = refused(check_options, Config.fromfile(near), options).splitlines()
    assert said[0].endswith('Set instead: model.data_preprocessor.size.')
    assert said[1].endswith('Set instead: test_dataloader.dataset.pipeline.0.type.')
    far = child(near.read_text() + 'test_pipeline = []')
    works = 'Set instead: test_dataloader.dataset.pipeline.'
    assert refused(check_file, far).endswith(works)


@pytest.mark.parametrize(
    'text',
    [
        'size = (64, 64)\nmodel = dict(size=size)',
        'size = (64, 64)\ndel size',
        'size: tuple = (64, 64)\nmodel = dict(size=size)',
        'size = (64,)\nsize += (64,)\nmodel = dict(size=size)',
        '_size = 3\n__note__ = 4',
        'h, w = _base_.size\nmodel = dict(height=h)',
        "root = 'x'\ntrain_dataloader = dict(dataset=dict(data_root=f'{root}/y'))",
        'n = 3\nmodel = dict(depths=[n for _ in range(n)])',
        'def net():\n    return dict(depth=n)\nn = 3\nmodel = dict(backbone=net())',
        'n = 3\nmodel = (lambda: dict(depth=n))()',
        'import math\nclass A: pass\nfor k in range(2): pass',
        # Another name for a part of what is read.
        'net = _base_.model.backbone\nnet.depth = 34',
        'steps = [dict()]\nfirst = steps[0]\nfirst["a"] = 1\nmodel = dict(steps=steps)',
        'work_dir = "here"\ncompile = True\nmodel = dict(size=1)',
        '_base_.model.backbone.depth = 34',
    ],
)
def test_names_that_are_used_pass(child, text):
    check_file(child(text))


@pytest.mark.parametrize(
    'text, line, name, says',
    [
        ('size = (64, 64)', 2, 'size', 'Set instead: model.size.'),
        ('model = dict(size=1)\nmine = model', 3, 'mine', NOTHING),
        ('n: int = 3', 2, 'n', NOTHING),
        ('n = 3\nn += 1', 2, 'n', NOTHING),  # changing it is not using it
        ('size = n = 1\nmodel = dict(n=n)', 2, 'size', 'Set instead: model.size.'),
        ("norm_cfg = dict(type='SyncBN')", 2, 'norm_cfg', 'model.backbone.norm_cfg.'),
        ('models = dict(size=1)', 2, 'models', 'Set instead: model.'),
        ('train_cfg = dict(size=_base_.size)\nsize = 3', 3, 'size', 'model.size, train_cfg.size.'),
    ],
)
def test_names_that_are_not_used_are_refused(child, text, line, name, says):
    path = child(text)
    said = refused(check_file, path)
    assert said.startswith(f'{path}, line {line}: {name} changes nothing')
    assert says in said


@pytest.mark.parametrize('use', ['_base_.n', '_base_["n"]', "_base_.get('n')", "'{{ _base_.n }}'"])
def test_a_name_for_files_that_inherit_it(child, use):
    middle = child('n = 3', 'n.py')
    assert refused(check_file, middle).startswith(f'{middle}, line 2: n ')
    check_file(child(f'model = dict(backbone=dict(depth={use}))', base=['./n.py']))
    # To name its file is no use of it.
    said = refused(check_file, child('model = dict(n=1)', base='./n.py'))
    assert said.startswith(f'{middle}, line 2: n ') and said.endswith('Set instead: model.n.')


def test_files_without_a_base_and_files_of_others_pass(child, tmp_path):
    (tmp_path / 'mine.py').write_text(BASE + 'anything = 1')
    check_file(tmp_path / 'mine.py')
    other = 'bisenetv2/bisenetv2_fcn_4xb4-ohem-160k_cityscapes-1024x1024.py'
    read_config(child('', base=f'mmseg::{other}'))
    assert 'models changes nothing' in refused(check_file, MMSEG / 'configs' / other)


def test_a_name_is_used_after_its_assignment(child):
    """What is assigned once it has been used changes nothing, and an annotation assigns nothing."""
    used = 'rate: float\nrate = 0.1\noptim_wrapper = dict(optimizer=dict(lr=rate))'
    read_config(child(used, base=str(MAIN)))
    said = refused(read_config, child(f'{used}\nrate = 0.5', base=str(MAIN)))
    assert 'line 5: rate ' in said


def test_child_of_the_main_config(child):
    path = child('image_size = (256, 256)', base=str(MAIN))
    said = refused(read_config, path)
    assert said.startswith(f'{path}, line 2: image_size ')
    works = 'model.roi_extractor.size, train_dataloader.dataset.pipeline.3.scale'
    assert f'Set instead: {works}' in said
    refused(read_model_config, path)
    text = (
        'crop_size = (128, 128)\n'
        "norm_cfg = dict(type='GN', num_groups=4)\n"
        "train_pipeline = [dict(type='LoadCTSlice')]\n"
        'model = dict(roi_extractor=dict(size=crop_size),\n'
        '    localizer=dict(backbone=dict(norm_cfg=norm_cfg)))\n'
        'train_dataloader = dict(dataset=dict(pipeline=train_pipeline))'
    )
    config = read_config(child(text, base=str(MAIN)), {'model.gamma': 0.5})
    assert config.model.roi_extractor.size == (128, 128)
    assert config.model.gamma == 0.5


def test_our_own_configs_pass():
    assert len(OWN) > 35
    for path in OWN:
        check_file(path)


def test_configs_of_mmsegmentation():
    """As if they were a user's own: nothing is refused that does what its author meant."""
    allow_external_configs()
    paths, dead = sorted((MMSEG / 'configs').rglob('*.py')), set()
    assert len(paths) > 700
    for path in paths:
        try:
            check_file(path)
        except ValueError as error:
            found = re.findall(r'([^/\\]+)\.py, line \d+: (\w+) changes nothing', str(error))
            assert found
            dead |= {*found}
    assert ('bisenetv2_fcn_4xb4-ohem-160k_cityscapes-1024x1024', 'models') in dead
    assert dead <= MMSEG_DEAD


def test_tools_refuse(child, monkeypatch, capsys, tmp_path):
    (tmp_path / 'a.pth').touch()
    path, checkpoint, out = str(MAIN), str(tmp_path / 'a.pth'), str(tmp_path / 'out')
    for name, *args in (
        ('train', path),
        ('test', path, checkpoint),
        ('export_coco', path, out),
        ('get_flops', path),
        ('export', path, checkpoint, '--unsafe-checkpoint', '-o', out),
    ):
        args += ['--cfg-options', 'localizer.backbone.depth=50']
        monkeypatch.setattr(sys, 'argv', [f'{name}.py', *args])
        said = refusal(capsys, load_tool(name).main, *([] if name in ('train', 'test') else [args]))
        assert 'error: localizer.backbone.depth changes nothing' in said, name
    file = child('image_size = 3', base=path)
    monkeypatch.setattr(sys, 'argv', ['train.py', str(file)])
    assert f'error: {file}, line 2: image_size ' in refusal(capsys, load_tool('train').main)
