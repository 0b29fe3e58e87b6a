"""Whole volumes, with the oracle's predictions for an untrained net, and training steps."""

import numpy as np
import pytest
import torch

from lsnet_mm.experiments.benchmark import system as module
from lsnet_mm.experiments.benchmark.system import SPENT, span
from lsnet_mm.models.geometry import mask_to_box
from lsnet_mm.models.segmentors import lsnet

LSNET, UNET, COARSE = (
    'lsnet/lsnet_small_phantom',
    'unet/unet_small_slices',
    'c2f/c2f_small_unet_slices',
)


def counted(monkeypatch, owner, name):
    """How many items each call of a method was given."""
    calls, method = [], getattr(owner, name)
    monkeypatch.setattr(
        owner,
        name,
        lambda first, *args, **kw: calls.append(len(first)) or method(first, *args, **kw),
    )
    return calls


@pytest.mark.parametrize(('rounds', 'crops'), [(0, 1), (None, 2)])
def test_all_stages_run_on_organ_slices_and_on_no_others(
    build_system, scene, monkeypatch, rounds, crops
):
    system = build_system(LSNET, rounds=rounds)
    model = system.predictor.model
    head = model.localizer.head
    bbr = counted(monkeypatch, head.distances[0], 'forward')
    kp = counted(monkeypatch, head.keypoints[0], 'forward')
    pasted = counted(monkeypatch, model.roi_extractor, 'paste')
    organ = len(scene.organ_slices)
    system.predict()
    assert sum(kp) == len(scene) and sum(bbr) == organ
    # A net without mistakes sees in the second round that the first was right.
    assert sum(system.crops) == sum(pasted) == organ * crops
    result = system.predictor(scene.volume)
    for number, boxes in enumerate(result.boxes):
        true = mask_to_box(torch.from_numpy(scene.mask(number)))
        np.testing.assert_allclose(boxes, true, atol=1e-3)
    assert np.array_equal(result.mask.voxels > 0, scene.label.voxels > 0)


def test_a_coarse_net_runs_on_all_slices_and_the_fine_one_where_the_organ_is(
    build_system, scene, monkeypatch
):
    system = build_system(COARSE)
    coarse = counted(monkeypatch, system.predictor.model.localizer, 'coarse_masks')
    system.predict()
    assert sum(coarse) == len(scene) and sum(system.crops) == len(scene.organ_slices)


def test_spans_of_inference(build_system):
    system = build_system(LSNET)
    SPENT.clear()
    with span('the rest'):
        system.predict()
    names = 'pipeline', 'preprocessing', 'L-Net', 'decode', 'crop', 'S-Net', 'paste', 'refine'
    assert SPENT.keys() == {*names, 'the rest'} and min(SPENT.values()) > 0


@pytest.mark.parametrize('config', [UNET, LSNET])
def test_bfloat16_reaches_the_nets(build_system, config):
    system = build_system(config, dtype='bfloat16')
    types = []
    for model in (system.model, system.predictor.model):
        net = getattr(model, 'segmentor', model)
        net.backbone.register_forward_hook(lambda module, args, out: types.append(out[-1].dtype))
    system.predict()
    assert types and set(types) == {torch.bfloat16}
    types.clear()
    system.step()
    assert types and set(types) == {torch.bfloat16}


def test_compiled_nets(build_system, monkeypatch):
    done = []
    monkeypatch.setattr(module, 'compile_nets', done.append)
    plain, compiled = (build_system(UNET, compiled=compiled) for compiled in (False, True))
    models = [s.predictor.model for s in (plain, compiled)] + [plain.model, compiled.model]
    assert done == models[1::2]


@pytest.mark.parametrize(('hook', 'last'), [(True, True), (False, False)])
def test_the_order_of_channels_is_the_configs(build_system, hook, last):
    """In training; in inference it is channels-last on a CPU."""
    system, orders = build_system(UNET), []
    if not hook:
        system.cfg.custom_hooks = []
    kernel = system.model.backbone.layer1[0].conv1.weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    system.model.backbone.register_forward_hook(
        lambda module, args, out: orders.append(
            out[-1].is_contiguous(memory_format=torch.channels_last)
        )
    )
    system.step()
    assert orders == [last] and kernel.is_contiguous() != last


def moved(before, model):
    return {n for n, p in model.named_parameters() if not torch.equal(before[n], p)}


def weights(model):
    return {n: p.detach().clone() for n, p in model.named_parameters()}


def test_a_batch_is_of_organ_slices_with_their_truth(build_system, scene):
    batch = build_system(UNET).batch
    for image, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
        assert sample.slice_index in scene.organ_slices
        assert image.shape[-2:] == sample.gt_sem_seg.data.shape[-2:] == (160, 160)
        true = mask_to_box(sample.gt_sem_seg.data[0])
        assert len(true) and torch.equal(sample.gt_instances.bboxes, true)


def test_a_step_has_the_phases_of_the_config_and_moves_both_nets(build_system):
    system = build_system(LSNET)
    before = weights(system.model)
    SPENT.clear()
    system.step()
    phases = ('loss_localizer', 'loss_segmentor')
    expected = [f'{p}: {s}' for p in phases for s in ('forward', 'backward', 'update')]
    assert list(SPENT) == ['preprocessing', *expected]
    changed = moved(before, system.model)
    assert any('localizer' in name for name in changed)
    assert any('segmentor' in name for name in changed)


def test_parts_run_each_net_alone_and_change_nothing(build_system, monkeypatch):
    system = build_system(LSNET)
    runs, model = system.runs(), system.model
    assert list(runs) == ['step', 'L-Net', 'S-Net', 'fused']
    before, calls, given, gradients = weights(model), [], [], []
    for name in ('localizer', 'segmentor'):
        net = getattr(model, name)
        net.backbone.register_forward_hook(lambda *_, name=name: calls.append(name))
    own = lsnet.scale_gradient

    def seen(rois, factor):
        given.append(rois.detach())
        rois.register_hook(lambda gradient: gradients.append(gradient.abs().sum()))
        return own(rois, factor)

    monkeypatch.setattr(lsnet, 'scale_gradient', seen)
    runs['L-Net']()
    assert calls == ['localizer'] and not given
    runs['S-Net']()
    assert calls == ['localizer', 'segmentor']
    # On the true boxes, which get a gradient: as in training.
    true = torch.cat([s.gt_instances.bboxes[:1] for s in system.batch['data_samples']])
    assert torch.equal(given[0][:, 1:], true) and gradients[0] > 0
    assert not moved(before, model)
    assert all(p.grad is None for p in model.parameters())
    runs['fused']()
    assert calls == ['localizer', 'segmentor'] * 2 and moved(before, model)
