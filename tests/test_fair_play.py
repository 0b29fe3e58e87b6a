"""Systems of one table differ by what the table compares and by nothing else."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from mmengine.model import bias_init_with_prob
from mmengine.registry import MODELS, init_default_scope

from lsnet_mm.experiments.benchmark.peers import LogitsHead
from lsnet_mm.experiments.reproduction.run import compose
from lsnet_mm.experiments.reproduction.tables import TABLES, find_system
from lsnet_mm.models import FocalDiceLoss
from lsnet_mm.utils.config import train_from_scratch

#: What two-stage rows may differ in; besides, one-stage rows have another model and another loop.
MAY_DIFFER = {
    'type',  # RSTN
    'localizer',
    'roi_extractor.type',
    'roi_mixing',  # on or off, or ground-truth boxes alone
    'gamma',
    'moving_target',  # or that of before
    'transform',  # RSTN's
    'test_cfg.rounds',  # the same for all that have any
    'test_cfg.agreement',
}
#: And what the paper to the letter differs in besides: its own recipe is what that row is about.
LETTER = {'segmentor.decode_head.loss_decode.batch_dice'}
FAMILIES = {'fcn': 'FCN', 'unet': 'U-Net'}


@cache
def load(name):
    return compose(find_system(name)).to_dict()


def flat(node, prefix=''):
    if not isinstance(node, dict):
        return {prefix: node}
    return {k: v for key, value in node.items() for k, v in flat(value, f'{prefix}.{key}').items()}


def rows(scale, tables=(1, 2, 3, 4)):
    """The configs of tables, each once; by default of the paper's."""
    names = (row.system.name for number in tables for row in TABLES[scale][number].rows)
    return {name: load(name) for name in dict.fromkeys(names)}


def is_two_stage(config):
    return 'localizer' in config['model']


#: U-Net, two wider ones, Attention U-Net, FCN, PSPNet, DeepLabV3 and nnU-Net's; BCE is a row's own.
ONE_STAGE = {
    scale: [n for n, c in rows(scale).items() if not is_two_stage(c) and not n.endswith('_bce')]
    for scale in TABLES
}
assert [len(names) for names in ONE_STAGE.values()] == [8, 8]


def reference(scale, name):
    family = 'fcn' if '_fcn_' in name or name.startswith('fcn') else 'unet'
    names = {'small': f'lsnet_small_{family}_slices'}
    names['paper'] = f'lsnet_r18_r34_{family}_pancreas_margin15'
    config = deepcopy(load(names[scale]))
    if 'literal' in name:
        for part in ('train', 'val', 'test'):
            dataset = config[f'{part}_dataloader']['dataset']
            if part == 'train' and 'empty_ratio' in dataset:
                dataset['empty_ratio'] = 0
            for step in dataset['pipeline']:
                if step['type'] == 'BoxesFromMask':
                    step['merge_distance'] = 0
    return config


def second_stage(model):
    """As a model by itself: with the preprocessor of both nets, and how it answers alone."""
    alone = dict(train_cfg={}, test_cfg={'mode': 'whole'})
    segmentor = model.get('segmentor', model)
    return alone | segmentor | dict(data_preprocessor=model['data_preprocessor'])


@pytest.mark.parametrize('scale', TABLES)
def test_rounds_are_the_same_for_all(scale):
    settings = [c['model']['test_cfg'] for c in rows(scale).values() if is_two_stage(c)]
    rounds = [(cfg['rounds'], cfg['agreement']) for cfg in settings if cfg.get('rounds')]
    assert len(rounds) == 5
    assert len(set(rounds)) == 1


@pytest.mark.parametrize('name', [name for s in TABLES for name in ONE_STAGE[s]])
def test_one_stage_rows_have_the_same_loss_threshold_and_prior(name):
    init_default_scope('mmseg')
    cfg = deepcopy(load(name)['model'])
    pytest.importorskip(cfg['backbone'].get('net', 'torch').split('.')[0])
    train_from_scratch(cfg)
    model = MODELS.build(cfg)
    model.init_weights()
    heads = [model.decode_head, *([model.auxiliary_head] if model.with_auxiliary_head else [])]
    for head in heads:
        assert type(head.loss_decode) is FocalDiceLoss
        assert head.out_channels == 1 and head.threshold == 0.5
        # A library's last layer, which is before such a head, starts from 0.
        bias = head(torch.zeros(1)) if isinstance(head, LogitsHead) else head.conv_seg.bias
        assert bias.item() == pytest.approx(bias_init_with_prob(0.01))
    assert model.decode_head.loss_decode.loss_weight == 1


@pytest.mark.parametrize('scale', TABLES)
def test_two_stage_rows_differ_in_what_is_compared(scale):
    """Crop size, crop source, margin, second stage, threshold, size that L-Net sees: all equal."""
    found = 0
    for name, config in rows(scale).items():
        if not is_two_stage(config):
            continue
        found += 1
        ours, theirs = (flat(c['model']) for c in (config, reference(scale, name)))
        different = {k.lstrip('.') for k in ours.keys() | theirs if ours.get(k) != theirs.get(k)}
        allowed = MAY_DIFFER | (LETTER if 'literal' in name else set())
        extra = {d for d in different if not any(d == m or d.startswith(f'{m}.') for m in allowed)}
        assert not extra, f'{name}: {sorted(extra)}'
    assert found >= 8


@pytest.mark.parametrize('scale', TABLES)
def test_data_optimiser_and_epochs_are_equal(scale):
    """One-stage nets of the narrow scale see 160x160 pixels, as both nets of two stages do."""
    for name, config in rows(scale).items():
        other = reference(scale, name)
        for key in ('optim_wrapper', 'param_scheduler', 'custom_hooks', 'randomness'):
            assert config.get(key) == other.get(key), f'{name}: {key}'
        assert config['train_cfg']['max_epochs'] == other['train_cfg']['max_epochs'], name
        assert config['default_hooks'] == other['default_hooks'], name
        for key in ('train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator'):
            ours, theirs = flat(config[key]), flat(other[key])
            pipelines = [c.pop('.dataset.pipeline', []) for c in (ours, theirs)]
            assert ours == theirs, f'{name}: {key}'
            for step, twin in zip(*pipelines, strict=True):
                if step['type'] == 'ResizeSlice' and not is_two_stage(config):
                    seen = other['model'].get('localizer_size') or twin['scale']
                    step, twin = {**step, 'scale': tuple(step['scale'])}, {**twin, 'scale': seen}
                assert step == twin, f'{name}: {key}'


@pytest.mark.parametrize('scale', TABLES)
def test_the_second_stage_is_the_one_stage_net(scale):
    for family in FAMILIES:
        one = {'small': f'{family}_small_slices', 'paper': f'{family}_r34_pancreas'}[scale]
        two = [
            second_stage(c['model'])
            for name, c in rows(scale).items()
            if is_two_stage(c) and f'_{family}_' in name and 'literal' not in name
        ]
        assert len(two) >= 2
        assert all(segmentor == load(one)['model'] for segmentor in two), family


@pytest.mark.parametrize('scale', TABLES)
def test_no_config_branches_on_its_kind_of_loop(scale):
    """Alternation for two stages, the stock loop for one stage and for RSTN's joint update."""
    for name, config in rows(scale).items():
        joint = not is_two_stage(config) or config['model']['type'] == 'RSTN'
        wanted = 'EpochBasedTrainLoop' if joint else 'AlternatingTrainLoop'
        assert config['train_cfg']['type'] == wanted, name


@pytest.mark.parametrize('scale', TABLES)
def test_presets_differ_in_sizes_and_boxes_alone(scale):
    """The same S-Net, optimiser, epochs and augmentation, whatever size each sees."""
    configs = list(rows(scale, (5,)).values())
    peer = configs[0]
    assert len(configs) == 7 and not is_two_stage(peer)
    for config in configs:
        assert second_stage(config['model']) == peer['model']
        for key in ('optim_wrapper', 'param_scheduler', 'custom_hooks', 'randomness'):
            assert config[key] == peer[key], key
        assert config['train_cfg']['max_epochs'] == peer['train_cfg']['max_epochs']
        for key in ('train_dataloader', 'test_dataloader'):
            ours, theirs = flat(config[key]), flat(peer[key])
            pipelines = [
                [step for step in c.pop('.dataset.pipeline') if step['type'] != 'ResizeSlice']
                for c in (ours, theirs)
            ]
            assert pipelines[0] == pipelines[1], key
            different = {k for k in ours.keys() | theirs if ours.get(k) != theirs.get(k)}
            assert different <= {'.num_workers'}, key
