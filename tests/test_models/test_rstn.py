"""The coarse map weights the fine net's image, and the fine loss comes back through the weights."""

from pathlib import Path

import pytest
import torch
from helpers import batch, lsnet, segmentor
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from lsnet_mm.models import SaliencyTransform
from lsnet_mm.utils.config import train_from_scratch

ROOT = Path(__file__).parents[2]
BOXES = ((20, 24, 50, 60), (40, 30, 80, 70))


def rstn(seed=0, **kwargs):
    torch.manual_seed(seed)
    cfg = dict(
        type='RSTN',
        localizer=dict(type='CoarseLocalizer', segmentor=segmentor()),
        roi_extractor=dict(type='HardCrop', size=(64, 64), margin=4, reference_width=None),
        transform=dict(type='SaliencyTransform'),
    )
    return lsnet(**(cfg | kwargs))


def teach(model, weight=0.5):
    """A transform that has learnt something."""
    torch.nn.init.constant_(model.transform.layers[-1].weight, weight)
    return model


def fine_gradients(model, inputs, samples):
    """Sum of absolute gradients of L_F in the coarse net, or None where there is none."""
    model.zero_grad()
    loss, _ = model.parse_losses(model(inputs, samples, 'loss_segmentor'))
    loss.backward()
    grads = [p.grad for p in model.localizer.parameters() if p.grad is not None]
    return float(sum(g.abs().sum() for g in grads)) if grads else None


def test_the_transform_by_hand():
    """A 3x3 kernel of ones counts: 0.5 times the number of neighbours inside, plus a bias of 1."""
    transform = SaliencyTransform(channels=2)
    torch.nn.init.ones_(transform.layers[-1].weight[0])
    images = torch.tensor([[[[2.0, 2, 2], [2, 2, 2], [-1, 2, 2]], [[3.0, 3, 3]] * 3]])
    out = transform(images, torch.full((1, 1, 3, 3), 0.5))
    assert out[0, 0].tolist() == [[6, 8, 6], [8, 11, 8], [-3, 8, 6]]
    assert torch.equal(out[0, 1], images[0, 1])  # a kernel of zeros


@pytest.mark.parametrize('sizes, count', [((3,), 30), ((5, 5), 306)])
def test_an_untrained_transform_lets_the_image_through(sizes, count):
    transform = SaliencyTransform(kernel_sizes=sizes)
    images = torch.randn(2, 3, 20, 24)
    assert torch.equal(transform(images, torch.rand(2, 1, 5, 6)), images)
    assert sum(p.numel() for p in transform.parameters()) == count


def test_what_it_refuses():
    with pytest.raises(ValueError, match='odd'):
        SaliencyTransform(kernel_sizes=(4,))
    with pytest.raises(ValueError, match="use type='CoarseLocalizer'"):
        lsnet(type='RSTN', transform=dict(type='SaliencyTransform'))
    with pytest.raises(ValueError, match='from 0 to 1'):
        rstn(coarse_weight=2)


def test_the_fine_net_sees_the_weighted_image():
    """In training and in prediction; the coarse net sees the image as it comes."""
    model = teach(rstn(localizer_size=(48, 48)), 0.1)
    inputs, samples = batch(BOXES)
    seen = []
    crop = model.roi_extractor.crop
    model.roi_extractor.crop = lambda images, *args, **kw: (
        seen.append(images) or crop(images, *args, **kw)
    )
    view = model._localizer_view(inputs)
    _, probs = model.localizer.coarse_masks(view)
    probs = torch.nn.functional.interpolate(probs[:, None], (96, 96), mode='bilinear')
    padded = torch.nn.functional.pad(probs, (1, 1, 1, 1))
    expected = inputs * (1 + 0.1 * 9 * torch.nn.functional.avg_pool2d(padded, 3, stride=1))
    model(inputs, samples, 'loss_segmentor')
    assert torch.allclose(seen[0], expected, atol=1e-5)
    seen.clear()
    torch.nn.init.constant_(model.localizer.segmentor.decode_head.conv_seg.bias, 9.0)
    _, probs = model.eval().localizer.coarse_masks(view)
    assert probs.min() > 0.5  # everything is foreground: there are boxes to crop
    model(inputs, samples, 'predict')
    inner = seen[0][..., 1:-1, 1:-1] / inputs[..., 1:-1, 1:-1]
    assert inner.min() > 1.45 and inner.max() < 1.91


def test_the_fine_loss_reaches_the_coarse_net_through_the_weights_alone():
    inputs, samples = batch(BOXES)
    model = rstn()
    # Weights of 0 pass nothing; what is left is the way through the box, and that is closed.
    assert fine_gradients(model, inputs, samples) == 0
    assert model.transform.layers[-1].weight.grad.abs().sum() > 0
    full = fine_gradients(teach(model), inputs, samples)
    assert full > 0
    model.gamma = 0.5
    assert fine_gradients(model, inputs, samples) == pytest.approx(full / 2, rel=1e-3)
    model.gamma = 0
    assert fine_gradients(model, inputs, samples) is None


def test_the_gradient_is_that_of_finite_differences():
    """Through g, and not by the box: it moves by whole pixels, and here not at all."""
    inputs, samples = batch(BOXES)
    model = teach(rstn())
    bias = model.localizer.segmentor.decode_head.conv_seg.bias
    found = []
    for step in (0, 0.01, -0.01):
        with torch.no_grad():
            bias += step
        loss, _ = model.parse_losses(model(inputs, samples, 'loss_segmentor'))
        with torch.no_grad():
            bias -= step
        found.append(loss)
    found[0].backward()
    slope = (found[1] - found[2]).item() / 0.02
    assert slope == pytest.approx(bias.grad.item(), rel=0.01)


def test_lambda_weighs_the_losses():
    inputs, samples = batch(BOXES)
    model = rstn(coarse_weight=0.3)
    parts = [model(inputs, samples, mode) for mode in ('loss_localizer', 'loss_segmentor')]
    fused = model(inputs, samples, 'loss')
    (coarse,), (fine,) = parts[0].values(), parts[1].values()
    first, second = (fused[f'{net}.decode.loss_focal_dice'] for net in ('localizer', 'segmentor'))
    assert first.item() == pytest.approx(0.3 * coarse.item())
    assert second.item() == pytest.approx(0.7 * fine.item())


@pytest.mark.parametrize('boxes', [BOXES, (None, None)])
def test_one_step_moves_all_parts(boxes):
    """Also from a batch without an object: no gradient is None, so no rank waits for another."""
    inputs, samples = batch(boxes)
    model = rstn().train()
    losses = model(inputs, samples, 'loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None for p in model.parameters())


@torch.no_grad()
def test_prediction():
    inputs, samples = batch(BOXES)
    samples[1].set_metainfo(dict(ori_shape=(192, 144)))
    model = teach(rstn(test_cfg=dict(oracle=True))).eval()
    model.localizer.segmentor.decode_head.conv_seg.bias.fill_(9)  # the whole image
    model.segmentor.decode_head.conv_seg.bias.fill_(9)
    first, second = model(inputs, samples, 'predict')
    assert first.pred_sem_seg.data.shape == (1, 96, 96) and first.pred_sem_seg.data.all()
    assert first.pred_instances.bboxes.tolist() == [[0, 0, 96, 96]]
    assert second.pred_sem_seg.data.shape == second.saliency.data.shape == (1, 192, 144)
    assert first.oracle_sem_seg.data.sum() == (50 - 20 + 8) * (60 - 24 + 8)
    probs = model.encode_decode(inputs, [{}, {}])
    assert torch.equal(probs[0], first.saliency.data)
    coarse, fine = model(inputs, mode='tensor')
    assert coarse.shape == (2, 1, 96, 96) and fine.shape == (2, 1, 64, 64)


@torch.no_grad()
def test_an_empty_coarse_mask_predicts_nothing():
    model = rstn().eval()
    model.init_weights()
    model.localizer.segmentor.decode_head.conv_seg.bias.fill_(-9)
    model.segmentor.encode_decode = None  # calling it would fail
    for sample in model(*batch(), 'predict'):
        assert not sample.pred_sem_seg.data.any() and len(sample.pred_instances) == 0
        assert not sample.saliency.data.any()


@torch.no_grad()
def test_the_recurrence_takes_the_fine_nets_own_map():
    inputs, samples = batch(BOXES[:1])
    model = teach(rstn(test_cfg=dict(rounds=2, agreement=2.0))).eval()
    model.localizer.segmentor.decode_head.conv_seg.bias.fill_(9)
    answers, seen = iter((3.0, 1.0, 2.0)), []
    model.segmentor.encode_decode = lambda crops, metas: crops[:, :1] * 0 + next(answers)
    transform = model.transform.forward
    model.transform.forward = lambda images, probs: (
        seen.append((images, probs)) or transform(images, probs)
    )
    (sample,) = model(inputs, samples, 'predict')
    assert all(torch.equal(images, inputs) for images, _ in seen)  # of the image, never twice
    maps = [probs for _, probs in seen]
    assert torch.equal(maps[0][0], sample.pred_heatmap.data)
    for probs, answer in zip([*maps[1:], sample.saliency.data], (3.0, 1.0, 2.0), strict=True):
        assert torch.allclose(probs, torch.tensor(answer).sigmoid(), atol=1e-6)


def test_parameters_of_the_papers_size():
    """Two U-Nets on ResNet-18 and ResNet-34, and 30 of the transform."""
    counts = {}
    for name in ('c2f/c2f_r18_r34_unet_pancreas', 'rstn/rstn_r18_r34_unet_pancreas'):
        cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
        init_default_scope('mmseg')
        train_from_scratch(cfg.model)
        model = MODELS.build(cfg.model)
        counts[name[:3]] = sum(p.numel() for p in model.parameters())
    assert counts['rst'] == counts['c2f'] + 30 == 38_764_608
