"""The hash knows every value that changes what is computed, and nothing else."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EarlyStoppingHook
from mmseg.engine.hooks import SegVisualizationHook

import lsnet_mm.evaluation.computation as module
from lsnet_mm.evaluation.computation import config_sha256
from lsnet_mm.models import LSNet

CONFIGS = Path(__file__).parents[2] / 'configs'
PHANTOM = CONFIGS / 'lsnet' / 'lsnet_small_phantom.py'
#: Where and how a run is started, and what only watches; by the beginning of a path.
INERT = ('custom_imports', 'env_cfg', 'find_unused_parameters', 'randomness.seed', 'visualizer')
INERT += ('log_processor', 'log_level', 'load_from', 'resume')
INERT += tuple(
    f'default_hooks.{name}'
    for name in ('timer', 'logger', 'checkpoint', 'result', 'statistics', 'visualization')
)
#: What a training does not read.
TESTED = ('test_', 'val_', 'model.test_cfg', 'model.localizer.head.test_cfg')
#: How many fetch data that are not augmented.
WORKERS = tuple(
    f'{part}_dataloader.{key}_workers' for part in ('val', 'test') for key in ('num', 'persistent')
)


def leaves(node, path=()):
    """Paths to all values that have no parts."""
    parts = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in parts:
        if isinstance(value, (dict, list, tuple)) and len(value):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def changed(config, path):
    """The config with another value there."""
    config = deepcopy(config)
    node, steps = config, list(path)
    while len(steps) > 1:
        if isinstance(node[steps[0]], tuple):
            node[steps[0]] = list(node[steps[0]])
        node = node[steps.pop(0)]
    value = node[steps[0]]
    if isinstance(value, str):
        node[steps[0]] = 'Other'
    else:
        node[steps[0]] = not value if isinstance(value, bool) else (value or 0) + 17
    return config


def load(path=PHANTOM):
    return Config.fromfile(path).to_dict()


@pytest.mark.parametrize('training', [False, True])
def test_every_value_that_changes_the_computation_changes_the_hash(training):
    config = load()
    config['model']['localizer']['backbone']['init_cfg'] = 'x'
    config['randomness']['deterministic'] = False
    plain, found = config_sha256(config, training), 0
    for path in leaves(config):
        name = '.'.join(map(str, path))
        inert = name.startswith(INERT + WORKERS) or name.endswith('data_root')
        # In place of one that watches, any hook may come.
        inert &= not (name.startswith('default_hooks') and name.endswith('.type'))
        if training:
            inert |= name.startswith(TESTED)
        found += 1
        assert (config_sha256(changed(config, path), training) == plain) == inert, name
    assert found > 150


def test_wording_leaves_it_alone(tmp_path):
    """A name for a value, a base in two files, another folder, another order."""
    plain = config_sha256(load())
    text = PHANTOM.read_text().replace("'../_base_", f"'{CONFIGS}/_base_")
    (tmp_path / 'rounds.py').write_text('crop = 96\nmost = dict(rounds=10, agreement=0.95)\n')
    (tmp_path / 'moved.py').write_text(
        text.replace('_base_ = [', "_base_ = [\n    './rounds.py',")
        .replace('size=(96, 96)', 'size=[_base_.crop, _base_.crop]')
        .replace('margin=8', 'margin=8.0')
        .replace('dict(rounds=10, agreement=0.95)', '_base_.most')
    )
    moved = Config.fromfile(tmp_path / 'moved.py')
    assert 'most' in moved and config_sha256(moved.to_dict()) == plain
    moved.dump(tmp_path / 'whole.py')
    assert config_sha256(load(tmp_path / 'whole.py')) == plain
    assert config_sha256(dict(reversed(load().items()))) == plain


@pytest.mark.parametrize('component', [LSNet, 'lsnet_mm.models.LSNet', 'mmseg.LSNet'])
def test_components_by_their_registered_names(component):
    config = load()
    config['model']['type'] = component
    assert config_sha256(config) == config_sha256(load())


def test_hooks_by_their_registered_names():
    hooks = dict(watch=dict(type=SegVisualizationHook), early=dict(type=EarlyStoppingHook))
    named = dict(a=dict(type='SegVisualizationHook'), b=dict(type='mmengine.EarlyStoppingHook'))
    pair = (dict(default_scope='mmseg', default_hooks=h) for h in (hooks, named))
    assert len(set(map(config_sha256, pair))) == 1


@pytest.mark.parametrize(
    'one, other',
    [
        ('mmdet.ResNet', 'ResNet'),
        (torch.nn.ReLU, torch.nn.GELU),
        # MMSegmentation has its own of these names.
        (torch.nn.CrossEntropyLoss, 'CrossEntropyLoss'),
        ('mmengine.LoadAnnotations', 'LoadAnnotations'),
    ],
)
def test_another_component_of_that_name(one, other):
    hashes = {config_sha256(dict(default_scope='mmseg', model=dict(type=t))) for t in (one, other)}
    assert len(hashes) == 2


def test_spellings_of_flags_and_what_moves_data():
    plain = dict(model=dict(vote=True), train_dataloader=dict(batch_size=2))
    other = dict(model=dict(vote=1), train_dataloader=dict(batch_size=2, pin_memory=True))
    assert config_sha256(other | dict(compile=False)) == config_sha256(plain)
    assert config_sha256(plain | dict(compile=True)) != config_sha256(plain)


def test_paths_and_names_of_files_are_left_out():
    def sha256(checkpoint='torchvision://resnet18', root='data/a', file='a/val.json', metric='a/b'):
        weights = dict(type='Pretrained', checkpoint=checkpoint)
        dataset = dict(data_root=root, ann_file=file, data_prefix=dict(img=f'{root}/img'))
        hook = dict(type='EarlyStoppingHook', monitor=metric, drop_path=0.1)
        return config_sha256(
            dict(model=weights, train_dataloader=dict(dataset=dataset), custom_hooks=[hook])
        )

    assert sha256(root='/home/me/a', file='b/val.json') == sha256()
    assert sha256('run/epoch_1.pth') == sha256('/else/epoch_60.pth') != sha256()
    assert sha256('torchvision://resnet34') != sha256()
    assert sha256(metric='a/c') != sha256()  # it looks like a path, and is none


def test_hooks_that_the_runner_adds_by_itself():
    named = dict(param_scheduler=dict(type='ParamSchedulerHook'), mine=dict(type='LoggerHook'))
    assert config_sha256(dict(default_hooks=named)) == config_sha256({})
    assert config_sha256(dict(default_hooks=dict(param_scheduler=None))) != config_sha256({})
    assert config_sha256(dict(custom_hooks=[dict(type='LoggerHook')])) == config_sha256({})
    assert config_sha256(dict(custom_hooks=[dict(type='EMAHook')])) != config_sha256({})


def test_what_only_a_test_reads_is_no_other_training():
    """A detector trains on what its own ``test_cfg`` lets through."""

    def sha256(training=True, score_thr=0.1, padding=None, **test_cfg):
        detector = dict(type='FCOS', test_cfg=test_cfg)
        localizer = dict(type='DetectorLocalizer', score_thr=score_thr, detector=detector)
        pre = dict(type='SegDataPreProcessor', test_cfg=padding)
        model = dict(type='LSNet', localizer=localizer, data_preprocessor=pre)
        return config_sha256(dict(model=model), training)

    other = dict(score_thr=0.3, padding=dict(size_divisor=32))
    assert sha256(**other) == sha256() and sha256(False, **other) != sha256(False)
    assert sha256(nms_pre=100) != sha256(nms_pre=200)


@pytest.mark.parametrize(
    'monitor',
    [
        dict(custom_hooks=[dict(type='EarlyStoppingHook', monitor='slice_fg/dsc')]),
        dict(param_scheduler=[dict(type='ReduceOnPlateauLR', monitor='slice_fg/dsc')]),
    ],
)
def test_scores_that_a_training_acts_on_belong_to_it(monitor):
    """Then rounds change when it stops; what only the test has does not."""

    def sha256(rounds=0, fp16=False, **more):
        config = load() | more
        config['model']['test_cfg']['rounds'] = rounds
        config['test_cfg']['fp16'] = fp16
        return config_sha256(config, training=True)

    assert sha256(10) == sha256(0)
    assert sha256(10, **monitor) != sha256(0, **monitor)
    assert sha256(fp16=True, **monitor) == sha256(**monitor)


def test_code_that_computes_something_else(monkeypatch):
    plain = config_sha256({})
    monkeypatch.setattr(module, 'COMPUTATION', module.COMPUTATION + 1)
    assert config_sha256({}) != plain


def test_what_has_no_lasting_form_is_refused():
    with pytest.raises(TypeError, match='cannot hash a config'):
        config_sha256({'model': object()})
