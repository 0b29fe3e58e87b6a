import torch
from benchmarking import LSNET, UNET

from lsnet_mm.experiments.benchmark.timing import REST, Stopwatch
from lsnet_mm.experiments.benchmark.training import Training, training_batch
from lsnet_mm.models.segmentors import lsnet


def watch():
    return Stopwatch(lambda: 0.0)


def moved(before, model):
    return {n for n, p in model.named_parameters() if not torch.equal(before[n], p)}


def weights(model):
    return {n: p.detach().clone() for n, p in model.named_parameters()}


def test_a_batch_is_of_organ_slices_with_their_truth(build_system, scene):
    batch = training_batch(build_system(UNET), scene)
    for image, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
        assert sample.slice_index in scene.organ_slices
        assert image.shape[-2:] == sample.gt_sem_seg.data.shape[-2:] == (160, 160)
        assert sample.gt_sem_seg.data.any() and len(sample.gt_instances.bboxes) >= 1
        assert sample.gt_instances.bboxes.max() <= 160


def test_a_step_has_the_phases_of_the_config_and_moves_both_nets(build_system, scene):
    system = build_system(LSNET)
    training = Training(system, scene)
    before, spans = weights(training.model), watch()
    training.step(spans)
    phases = ('loss_localizer', 'loss_segmentor')
    expected = [f'{p}: {s}' for p in phases for s in ('forward', 'backward', 'update')]
    assert list(spans.read()) == [REST, 'preprocessing', *expected]
    changed = moved(before, training.model)
    assert any('localizer' in name for name in changed)
    assert any('segmentor' in name for name in changed)


def test_parts_run_each_net_alone_and_change_nothing(build_system, scene, monkeypatch):
    system = build_system(LSNET)
    training = Training(system, scene)
    runs = training.runs()
    assert list(runs) == ['step', 'L-Net', 'S-Net', 'fused']
    before, calls, given, gradients = weights(training.model), [], [], []
    for name in ('localizer', 'segmentor'):
        net = getattr(training.model, name)
        net.backbone.register_forward_hook(lambda *_, name=name: calls.append(name))
    own = lsnet.scale_gradient

    def seen(rois, factor):
        given.append(rois.detach())
        rois.register_hook(lambda gradient: gradients.append(gradient.abs().sum()))
        return own(rois, factor)

    monkeypatch.setattr(lsnet, 'scale_gradient', seen)
    runs['L-Net'](watch())
    assert calls == ['localizer'] and not given
    runs['S-Net'](watch())
    assert calls == ['localizer', 'segmentor']
    # On the true boxes, which get a gradient: as in training.
    true = torch.cat([s.gt_instances.bboxes[:1] for s in training.batch['data_samples']])
    assert torch.equal(given[0][:, 1:], true) and gradients[0] > 0
    assert not moved(before, training.model)
    assert all(p.grad is None for p in training.model.parameters())
    runs['fused'](watch())
    assert calls == ['localizer', 'segmentor', 'localizer', 'segmentor']
    assert moved(before, training.model)


def test_one_stage_has_no_parts(build_system, scene):
    system = build_system(UNET)
    assert list(Training(system, scene).runs()) == ['step']
