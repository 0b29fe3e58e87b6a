"""The gradient of the second stage's loss in a box: the mask moves with it."""

import numpy as np
import pytest
import torch
from helpers import batch, lsnet, segmentor
from scipy.ndimage import map_coordinates

from lsnet_mm.models.segmentors import lsnet as lsnet_module
from lsnet_mm.models.segmentors.ground_truth import (
    crop_ground_truth,
    soft_ground_truth,
    soft_targets,
)

BOX = (20, 24, 50, 60)
OTHER = (40, 30, 80, 70)


def brightness_model(channels=1, **kwargs):
    """An L-SNet in double precision whose S-Net thresholds the crop, as if trained: it is sure of
    the middle, where objects were, and not of the rim."""
    seg = segmentor(out_channels=channels, num_classes=max(channels, 2))
    model = lsnet(seg=seg, gamma=1.0, **kwargs).double()
    trust = 1 - ((torch.arange(64).double() + 0.5) / 32 - 1) ** 4
    trust = trust[:, None] * trust

    def logits(crops):
        bright = 20 * (crops[0] * trust - 0.5)
        return bright[:, :1] if channels == 1 else torch.cat((-bright[:, :1], bright[:, 1:]), dim=1)

    model.segmentor.extract_feat = lambda crops: (crops,)
    model.segmentor.decode_head.forward = logits
    return model


def scene(boxes=(BOX, OTHER), **kwargs):
    inputs, samples = batch(boxes, **kwargs)
    for sample in samples:
        sample.gt_sem_seg.data[:, 40:48, 44:70] = 255
    return inputs.double(), samples


def loss_of(model, inputs, samples, rois):
    """What ``loss_segmentor`` says of these RoIs."""
    model.localizer.propose = lambda view, seen: rois
    return model.parse_losses(model(inputs, samples, 'loss_segmentor'))[0]


def finite_differences(function, at, step=1e-6):
    grad = torch.zeros_like(at)
    for i in range(at.numel()):
        shift = torch.zeros_like(at)
        shift.view(-1)[i] = step
        grad.view(-1)[i] = (function(at + shift) - function(at - shift)) / (2 * step)
    return grad


ROIS = torch.tensor([[0, 17.3, 26.1, 47.7, 58.9], [1, 43.2, 27.4, 83.6, 74.3]], dtype=torch.double)


@pytest.mark.parametrize('channels', [1, 3])
def test_the_gradient_is_that_of_the_loss(channels):
    """Against finite differences: of image, mask and ignored pixels, all of which move."""
    model, (inputs, samples) = brightness_model(channels), scene(classes=max(channels - 1, 1))

    def loss(boxes):
        return loss_of(model, inputs, samples, torch.cat((ROIS[:, :1], boxes), dim=1))

    boxes = ROIS[:, 1:].clone().requires_grad_()
    (grad,) = torch.autograd.grad(loss(boxes), boxes)
    with torch.no_grad():
        expected = finite_differences(loss, boxes.detach())
    assert expected.abs().min() > 0
    assert torch.allclose(grad, expected, rtol=1e-4, atol=1e-9)


SHIFTS = [(6, 0, 6, 0), (-6, 0, -6, 0), (0, 5, 0, 5), (0, -5, 0, -5), (4, 4, 4, 4), (5, -3, 5, -3)]


@pytest.mark.parametrize('error', [*SHIFTS, (3, 3, -3, -3)])
def test_a_step_downhill_goes_to_the_true_box(error):
    """A fixed mask asks for the opposite: that the picture stay where the box has put it."""
    inputs, samples = batch((BOX,))
    error = torch.tensor(error, dtype=torch.double)
    boxes = (torch.tensor([BOX], dtype=torch.double) + error).requires_grad_()
    rois = torch.cat((boxes.new_zeros(1, 1), boxes), dim=1)
    towards = []
    for moving in (True, False):
        model = brightness_model(moving_target=moving)
        (grad,) = torch.autograd.grad(loss_of(model, inputs.double(), samples, rois), boxes)
        towards.append(torch.cosine_similarity(-grad[0], -error, dim=0))
    assert towards[0] > 0.5 and towards[1] < 0


def test_a_fixed_target_is_the_mask_of_before():
    model, (inputs, samples) = brightness_model(moving_target=False), scene()
    rois = ROIS.clone().requires_grad_()
    loss = loss_of(model, inputs, samples, rois)
    cut = crop_ground_truth(model.roi_extractor, samples, ROIS)
    expected, _ = model.parse_losses(
        model.segmentor.loss(model.roi_extractor.crop(inputs, rois), cut)
    )
    assert torch.equal(loss, expected)
    assert torch.equal(*(torch.autograd.grad(x, rois)[0] for x in (loss, expected)))


def crop_by_scipy(image, box, size=64, margin=4):
    (x1, y1), (x2, y2) = np.array(box[:2]) - margin, np.array(box[2:]) + margin
    steps = (np.arange(size) + 0.5) / size
    points = np.meshgrid(y1 + steps * (y2 - y1) - 0.5, x1 + steps * (x2 - x1) - 0.5, indexing='ij')
    return map_coordinates(image.astype(float), points, order=1, mode='nearest')


@pytest.mark.parametrize('channels', [1, 3])
def test_soft_masks_are_those_of_scipy(channels):
    model, (_, samples) = brightness_model(channels), scene(classes=max(channels - 1, 1))
    target, weight = soft_ground_truth(model.roi_extractor, samples, ROIS, channels)
    assert target.shape == (2, channels, 64, 64) and weight.shape == (2, 1, 64, 64)
    for (image, *box), soft, part in zip(ROIS.tolist(), target, weight[:, 0], strict=True):
        mask = samples[int(image)].gt_sem_seg.data[0].numpy()
        assert np.allclose(part, crop_by_scipy(mask != 255, box))
        assert (part == 0).any() and ((part > 0.01) & (part < 0.99)).any()
        known = part > 1e-3
        for label, found in zip([1] if channels == 1 else range(channels), soft, strict=True):
            expected = crop_by_scipy(mask == label, box)
            assert np.allclose(found[known], expected[known] / part[known].numpy(), atol=1e-6)


# Which losses see what


def given(model, inputs, samples):
    """A step; the targets that each loss of the segmentor was called with, by its name."""
    seen = {}
    for name, module in model.segmentor.named_modules():
        if 'loss_decode' in name and not list(module.children()):
            module.register_forward_hook(
                lambda m, args, kwargs, out, name=name: seen.update({name: (args[1], kwargs)}),
                with_kwargs=True,
            )
    losses = model(inputs, samples, 'loss_segmentor')
    model.parse_losses(losses)[0].backward()
    return seen, losses


FOCAL, ENTROPY = dict(type='FocalDiceLoss'), dict(type='CrossEntropyLoss')


def with_auxiliary_head():
    seg = segmentor(out_channels=2)
    seg['decode_head']['loss_decode'] = [dict(ENTROPY), dict(FOCAL)]
    seg['decode_head']['sampler'] = dict(type='OHEMPixelSampler', thresh=0.7, min_kept=50)
    head = dict(type='FCNHead', in_channels=8, in_index=0, channels=8, num_classes=2, num_convs=1)
    seg['auxiliary_head'] = head | dict(loss_decode=dict(FOCAL))
    return seg


def test_the_heads_own_loss_is_soft_and_all_others_keep_integers():
    model = lsnet(seg=with_auxiliary_head())
    seen, losses = given(model, *batch((BOX, OTHER)))
    assert 'segmentor.decode.acc_seg' in losses
    assert seen.keys() == {
        'decode_head.loss_decode.0',
        'decode_head.loss_decode.1',
        'auxiliary_head.loss_decode',
    }
    target, kwargs = seen.pop('decode_head.loss_decode.1')
    assert target.shape == (2, 2, 64, 64) and target.requires_grad
    assert kwargs['weight'].shape == (2, 1, 64, 64)
    chosen = (kwargs['weight'] > 0.5).float().mean()
    assert 0 < chosen < 1, "the sampler's choice is lost"
    for target, _ in seen.values():
        assert target.shape == (2, 64, 64) and target.dtype == torch.long
    for loss in model.segmentor.decode_head.loss_decode:
        assert not loss._forward_pre_hooks


def test_a_cascade_keeps_integers():
    seg = segmentor(out_channels=2)
    head = dict(in_channels=8, in_index=0, channels=8, num_classes=2, loss_decode=dict(FOCAL))
    seg['type'], seg['num_stages'] = 'CascadeEncoderDecoder', 2
    seg['decode_head'] = [
        dict(type='FCNHead', num_convs=1, **head),
        dict(type='OCRHead', ocr_channels=8, **head),
    ]
    seen, _ = given(lsnet(seg=seg), *batch((BOX, OTHER)))
    assert [t.dtype for t, _ in seen.values()] == [torch.long] * 2


def test_a_hard_crop_has_soft_masks_without_a_gradient():
    model = lsnet(roi_extractor=dict(type='HardCrop', size=(64, 64), margin=4))
    model.localizer.propose = lambda view, samples: ROIS.float().requires_grad_()
    seen, _ = given(model, *batch((BOX, OTHER)))
    ((target, _),) = seen.values()
    assert target.shape == (2, 1, 64, 64) and not target.requires_grad
    assert ((target > 0) & (target < 1)).any()


def test_a_head_without_such_a_loss_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(lsnet_module, 'print_log', lambda text, logger: said.append(text))
    seg = segmentor(out_channels=2)
    seg['decode_head']['loss_decode'] = dict(ENTROPY)
    for kwargs, times in ((dict(), 1), (dict(moving_target=False), 0), (dict(gamma=0), 0)):
        said.clear()
        model = lsnet(seg=seg, **kwargs)
        for _ in range(2):
            seen, _ = given(model, *batch((BOX, OTHER)))
        ((target, _),) = seen.values()
        assert target.dtype == torch.long
        assert len(said) == times
    lsnet().loss_segmentor(*batch())
    assert not said


def test_labels_that_a_head_has_changed_stay():
    """PIDNet leaves out what is far from an edge: a soft mask would bring it back."""
    seen, labels = [], torch.randint(2, (2, 8, 8))
    loss = torch.nn.Module()
    loss.forward = lambda pred, target, weight=None: seen.append((target, weight))
    soft, part = torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8)
    changed, own = labels.clone(), torch.rand(2, 8, 8)
    changed[0, 0, 0] = 255
    with soft_targets([loss], labels, soft, part):
        loss(soft, labels.clone())
        loss(soft, labels, weight=own)
        loss(soft, changed)
    loss(soft, labels)
    assert seen[0][0] is soft and seen[0][1] is part
    assert seen[1][0] is soft and torch.equal(seen[1][1], part * own[:, None])
    assert seen[2][0] is changed and seen[3][0] is labels
