import torch
from benchmarking import LSNET, UNET

from lsnet_mm.benchmark.training import Training, training_batch
from lsnet_mm.benchmark.turns import Laps


def laps():
    return Laps(lambda: 0.0)


def moved(before, model):
    return {n for n, p in model.named_parameters() if not torch.equal(before[n], p)}


def weights(model):
    return {n: p.detach().clone() for n, p in model.named_parameters()}


def test_a_batch_is_of_organ_slices_with_their_truth(subject, scene):
    batch = training_batch(subject(UNET), scene)
    for image, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
        assert sample.slice_index in scene.organ_slices
        assert image.shape[-2:] == sample.gt_sem_seg.data.shape[-2:] == (160, 160)
        assert sample.gt_sem_seg.data.any() and len(sample.gt_instances.bboxes) >= 1
        assert sample.gt_instances.bboxes.max() <= 160


def test_a_step_has_the_phases_of_the_config_and_moves_both_nets(subject, scene):
    system = subject(LSNET)
    training = Training(system, system.build(), scene)
    before, lap = weights(training.model), laps()
    training.step(lap)
    phases = ('loss_localizer', 'loss_segmentor')
    spans = [f'{p}: {s}' for p in phases for s in ('forward', 'backward', 'update')]
    assert list(lap.seconds) == ['preprocessing', *spans]
    changed = moved(before, training.model)
    assert any('localizer' in name for name in changed)
    assert any('segmentor' in name for name in changed)


def test_parts_run_each_net_alone_and_change_nothing(subject, scene):
    system = subject(LSNET)
    training = Training(system, system.build(), scene)
    runs = training.runs()
    assert list(runs) == ['step', 'L-Net', 'S-Net', 'fused']
    inner, before, calls = training.two_stages, weights(training.model), []
    for name in ('localizer', 'segmentor'):
        net = getattr(inner, name)
        net.backbone.register_forward_hook(lambda *_, name=name: calls.append(name))
    gradients = []
    training._crops[0].register_hook(lambda grad: gradients.append(grad.abs().sum()))
    runs['L-Net'](laps())
    assert calls == ['localizer'] and not gradients
    runs['S-Net'](laps())
    assert calls == ['localizer', 'segmentor'] and gradients[0] > 0
    assert not moved(before, training.model)
    assert all(p.grad is None for p in training.model.parameters())
    runs['fused'](laps())
    assert calls == ['localizer', 'segmentor', 'localizer', 'segmentor']
    assert moved(before, training.model)


def test_one_stage_has_no_parts(subject, scene):
    system = subject(UNET)
    assert list(Training(system, system.build(), scene).runs()) == ['step']
