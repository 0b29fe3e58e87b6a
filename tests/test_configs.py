"""Every config builds; the paper's numbers stand in the paper's config; parts are the same dict."""

import textwrap

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from mmseg.apis import init_model

from lsnet_mm.utils.config import config_parts, train_from_scratch

CONFIGS = sorted(ROOT.glob('configs/[a-z]*/*.py'))
#: Folders of configs with parts of MMDetection, which has tests of its own without it.
MMDET = ('detectors', 'mmdet')


def second_stage(model):
    """What it is by itself: with the preprocessor of both nets, and how it answers alone."""
    alone = dict(train_cfg=dict(), test_cfg=dict(mode='whole'))
    return dict(model.segmentor, data_preprocessor=model.data_preprocessor, **alone)


def load(name):
    return Config.fromfile(next(p for p in CONFIGS if p.stem == name))


@pytest.mark.parametrize(
    'path',
    [pytest.param(p, marks=[pytest.mark.mmdet] * (p.parent.name in MMDET)) for p in CONFIGS],
    ids=lambda p: p.stem,
)
def test_builds_and_runs(path):
    if path.parent.name in MMDET:
        pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    cfg = Config.fromfile(path)
    if path.parent.name not in MMDET:  # by stock scripts, too, all ranks have one model
        assert cfg.default_hooks.statistics == dict(type='SyncStatisticsHook')
    if net := cfg.model.get('backbone', {}).get('net'):
        pytest.importorskip(net.split('.')[0])
    train_from_scratch(cfg.model)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        model(torch.rand(1, 3, 128, 128), mode='tensor')


def test_the_papers_setting():
    cfg = load('lsnet_r18_r34_unet_pancreas')
    model, head = cfg.model, cfg.model.localizer.head
    assert (model.localizer.backbone.depth, model.segmentor.backbone.depth) == (18, 34)
    assert model.localizer.backbone.init_cfg.checkpoint == 'torchvision://resnet18'
    assert model.segmentor.backbone.init_cfg.checkpoint == 'torchvision://resnet34'
    assert (model.gamma, head.delta, head.beta) == (0.1, 20, 2)
    assert (head.loss_bbox.loss_weight, head.loss_cls.dice_weight) == (0.5, 0.2)
    assert model.roi_extractor.margin * 2 == 15 and model.roi_extractor.size == (320, 320)
    assert model.get('roi_mixing') is None and model.get('localizer_size') is None
    (resize,) = parts(cfg.train_dataloader, 'ResizeSlice')
    assert resize.scale == (320, 320)
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-4, fused=True)
    assert cfg.param_scheduler == [dict(type='StepLR', step_size=25, gamma=0.1, by_epoch=True)]
    assert cfg.train_cfg.type == 'AlternatingTrainLoop' and cfg.train_cfg.max_epochs == 60


def parts(config, kind):
    """All parts of a type in a (part of a) config."""
    return [part for part in config_parts(config) if part.get('type') == kind]


def boxes_from_masks(cfg):
    loaders = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]
    return parts(loaders, 'BoxesFromMask')


def test_two_recipes():
    """They differ in what the paper leaves open, and in nothing else."""
    ours, literal = load('lsnet_r18_r34_unet_pancreas'), load('lsnet_r18_r34_unet_pancreas_literal')
    assert ours.model.localizer.head.loss_cls.squared and 'moving_target' not in ours.model
    assert ours.train_dataloader.dataset.empty_ratio == 0.5
    assert {step.merge_distance for step in boxes_from_masks(ours)} == {80}
    assert not literal.model.localizer.head.loss_cls.squared and not literal.model.moving_target
    assert literal.train_dataloader.dataset.empty_ratio == 0
    assert {step.merge_distance for step in boxes_from_masks(literal)} == {0}
    literal.model.pop('moving_target')
    for recipe, batch_dice in ((ours, True), (literal, False)):
        losses = (
            recipe.model.localizer.head.loss_cls,
            recipe.model.segmentor.decode_head.loss_decode,
        )
        assert [loss.pop('batch_dice') for loss in losses] == [batch_dice, batch_dice]
    literal.model.localizer.head.loss_cls.squared = True
    literal.train_dataloader.dataset.empty_ratio = 0.5
    for step in boxes_from_masks(literal):
        step.merge_distance = 80
    assert literal.to_dict() == ours.to_dict()


def test_full_size_configs_merge_near_parts_and_train_on_empty_slices():
    for path in CONFIGS:
        if 'r34' in path.stem and path.parent.name not in MMDET and 'literal' not in path.stem:
            cfg = Config.fromfile(path)
            assert {step.merge_distance for step in boxes_from_masks(cfg)} == {80}, path.stem
            assert cfg.train_dataloader.dataset.empty_ratio > 0, path.stem
            # Else what is found in an empty slice would cost nothing in its Dice.
            losses = parts(cfg.model, 'FocalDiceLoss')
            assert losses and all(loss.get('batch_dice') for loss in losses), path.stem


@pytest.mark.parametrize(
    'two_stage, one_stage',
    [
        ('lsnet_r18_r34_unet_pancreas', 'unet_r34_pancreas'),
        ('lsnet_r18_r34_fcn_pancreas', 'fcn_r34_pancreas'),
        ('lsnet_small_unet_slices_resized_48e', 'unet_small_slices_48e'),
        ('lsnet_small_unet_slices_native_48e', 'unet_small_slices_native_48e'),
    ],
)
def test_the_second_stage_is_the_one_stage_net(two_stage, one_stage):
    """And data, optimiser, epochs are the same: a pair differs by its model and loop alone."""
    two, one = load(two_stage), load(one_stage)
    assert second_stage(two.model) == one.model
    for key in ('optim_wrapper', 'param_scheduler', 'train_dataloader', 'val_dataloader'):
        assert two[key] == one[key], key
    assert two.train_cfg.max_epochs == one.train_cfg.max_epochs


@pytest.mark.parametrize('nets, one', [('r18_r34', 'r34'), ('small', 'small')])
@pytest.mark.parametrize('arch', ['unet', 'fcn'])
def test_what_stands_in_two_base_files_is_the_same(nets, one, arch):
    """A reference would leave a copy in the config that nothing reads."""
    base = {p.stem: p for p in ROOT.glob('configs/_base_/models/*.py')}
    model = Config.fromfile(base[f'lsnet_{nets}_{arch}']).model
    assert second_stage(model) == Config.fromfile(base[f'{arch}_{one}']).model
    localizer = base.get(f'lnet_{arch}_{nets.split("_")[0]}')
    if localizer:
        assert model.localizer == Config.fromfile(localizer).localizer
    assert bool(localizer) == ((nets, arch) != ('small', 'fcn'))


@pytest.mark.mmdet
def test_the_detector_is_the_localizer():
    pytest.importorskip('mmdet')
    detector = load('lnet_r18_pancreas_coco').model
    localizer = load('lsnet_r18_r34_unet_pancreas').model.localizer
    assert [detector[key] for key in ('backbone', 'neck', 'bbox_head')] == [
        localizer[key] for key in ('backbone', 'neck', 'head')
    ]


def test_the_readmes_backbone_builds(tmp_path):
    """The indented block of the README that begins with ``_base_``."""
    readme = (ROOT / 'README.md').read_text()
    text = readme[readme.index('    _base_ =') :].split('\n\n**')[0]
    path = tmp_path / 'user.py'
    path.write_text(textwrap.dedent(text).replace("'./", f"'{ROOT}/"))  # in the checkout
    cfg = Config.fromfile(path)
    init_default_scope('mmseg')
    train_from_scratch(cfg.model)
    built = MODELS.build(cfg.model)
    assert type(built).__name__ == 'LSNet' and built.localizer.backbone.depth == 50
    with torch.no_grad():
        built.eval()(torch.rand(1, 3, 64, 64))


def test_mmseg_builds_the_models_for_inference():
    """``init_model`` sets keys of its own in the model's config."""
    for name in ('lsnet_small_unet_slices_native_48e', 'lsnet_small_unet_slices_resized_48e'):
        model = init_model(load(name), device='cpu')
        assert model.decode_head.threshold == 0.5
