"""Which gradient goes where, and what comes out when there is nothing to find."""

import pytest
import torch
from helpers import batch, lsnet, segmentor
from mmengine.structures import PixelData

BOX = (20, 24, 50, 60)


def gradients(model, mode, inputs, samples, seed=0):
    """Gradients by parameter name, of one phase."""
    model.zero_grad()
    torch.manual_seed(seed)
    loss, _ = model.parse_losses(model(inputs, samples, mode))
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters()}


def moved(grads, prefix):
    return {n for n, g in grads.items() if n.startswith(prefix) and g is not None and g.any()}


def test_gamma_scales_the_gradient_into_the_localizer():
    model = lsnet(gamma=1.0)
    inputs, samples = batch((BOX, (40, 30, 80, 70)))
    full = gradients(model, 'loss_segmentor', inputs, samples)
    names = moved(full, 'localizer.')
    assert {'localizer.head.distances.2.weight', 'localizer.backbone.conv1.weight'} <= names
    for gamma in (0.1, 0.125):
        model.gamma = gamma
        scaled = gradients(model, 'loss_segmentor', inputs, samples)
        for name in names:
            expected = gamma * full[name]
            error = (scaled[name] - expected).norm() / expected.norm()
            assert error < 1e-4, name
            # A power of two scales every rounding too: exact, bit for bit.
            assert gamma != 0.125 or torch.equal(scaled[name], expected), name
        for name in moved(full, 'segmentor.'):
            assert torch.equal(scaled[name], full[name]), name


HARD = dict(type='HardCrop', size=(64, 64), margin=4, reference_width=None)


@pytest.mark.parametrize(
    'config, mode, still, moving',
    [
        ({}, 'loss_localizer', 'segmentor.', 'localizer.head.keypoints'),
        ({}, 'loss_localizer', 'segmentor.', 'localizer.head.distances'),
        ({}, 'loss_segmentor', 'localizer.head.keypoints', 'localizer.head.distances'),
        (dict(gamma=0.0), 'loss_segmentor', 'localizer.', 'segmentor.'),
        (dict(gamma=1.0, roi_extractor=HARD), 'loss_segmentor', 'localizer.', 'segmentor.'),
    ],
)
def test_which_gradient_goes_where(config, mode, still, moving):
    """What is still has no gradient at all: a zero one would be moved by Adam's momentum."""
    grads = gradients(lsnet(**config), mode, *batch((BOX, BOX)))
    assert all(grad is None for name, grad in grads.items() if name.startswith(still))
    assert moved(grads, moving)


def test_gamma_zero_keeps_no_graph_of_the_localizer():
    model, seen = lsnet(gamma=0.0), []
    model.localizer.neck.register_forward_hook(
        lambda module, args, output: seen.append(output[0].requires_grad)
    )
    model.loss_segmentor(*batch())
    assert seen == [False]


def test_fused_loss_is_the_sum_of_both_phases():
    model = lsnet(head=dict(train_cfg=dict(topk=1)))
    inputs, samples = batch((BOX, BOX))
    fused = gradients(model, 'loss', inputs, samples)
    parts = [gradients(model, m, inputs, samples) for m in ('loss_localizer', 'loss_segmentor')]
    for name, grad in fused.items():
        expected = sum(p[name] for p in parts if p[name] is not None)
        assert torch.allclose(grad, expected, atol=1e-5), name


def test_batch_without_object_has_zero_loss_and_a_gradient():
    """A rank without an object must still meet the others in the all-reduce."""
    model = lsnet()
    grads = gradients(model, 'loss_segmentor', *batch((None, None)))
    assert all(g is not None and not g.any() for n, g in grads.items() if 'segmentor.' in n)
    empty, full = (model(*batch(b), 'loss') for b in ((None, None), (BOX, None)))
    assert empty.keys() == full.keys()  # ranks log the same
    assert all(torch.isfinite(v).all() for v in empty.values())


def test_a_single_roi_may_meet_image_pooling_with_batchnorm():
    seg = segmentor(norm_cfg=dict(type='BN'))
    seg |= dict(neck=None, backbone=dict(seg['backbone'], type='ResNet'))
    head = dict(type='PSPHead', in_channels=64, in_index=3, channels=8, num_classes=2)
    loss = dict(type='FocalDiceLoss')
    seg['decode_head'] = head | dict(out_channels=1, threshold=0.5, loss_decode=loss)
    model = lsnet(seg=seg)
    loss, _ = model.parse_losses(model(*batch((BOX, None)), 'loss_segmentor'))
    loss.backward()


def test_other_maps_of_classes_are_cropped_as_the_mask_is():
    """PIDNet learns from edges, which its pipeline packs as ``gt_edge_map``."""
    model = lsnet(roi_extractor=dict(type='RoIRecalibration', size=(64, 64), margin=0))
    inputs, samples = batch((BOX, BOX))
    for sample in samples:
        edges = sample.gt_sem_seg.data.clone()
        edges[:, ::2] = 0
        sample.gt_edge_map = PixelData(data=edges)
    seen = []
    model.segmentor.loss = lambda crops, samples: seen.extend(samples) or dict(loss=crops.sum())
    rois = torch.tensor([[1.0, 20, 24, 84, 88], [0, 16, 20, 80, 84]])
    model._loss_on_rois(inputs, samples, rois)
    for (image, x1, y1, x2, y2), crop in zip(rois.long().tolist(), seen, strict=True):
        for name in ('gt_sem_seg', 'gt_edge_map'):
            whole = samples[image].get(name).data
            found = crop.get(name).data
            assert found.any() and torch.equal(found, whole[:, y1:y2, x1:x2]), name
        assert crop.img_shape == (64, 64)


def test_nothing_found_is_an_empty_mask_and_the_segmentor_does_not_run():
    model = lsnet(head=dict(prior_prob=0.001)).eval()
    model.init_weights()
    model.segmentor.encode_decode = None  # calling it would fail
    inputs, samples = batch((BOX, None))
    for sample in model(inputs, samples, 'predict'):
        assert sample.pred_sem_seg.data.shape == (1, 96, 96)
        assert sample.pred_sem_seg.data.sum() == 0
        assert sample.pred_instances.bboxes.shape == (0, 4)
        assert sample.pred_heatmap.data.shape == (1, 24, 24)


@torch.no_grad()
def test_prediction_is_in_original_pixels():
    model = lsnet(head=dict(test_cfg=dict(score_thr=-1.0))).eval()
    inputs, samples = batch((BOX,))
    samples[0].set_metainfo(dict(ori_shape=(192, 288)))
    (half,) = model(inputs, [samples[0].clone()], 'predict')
    samples[0].set_metainfo(dict(ori_shape=(96, 96)))
    (same,) = model(inputs, samples, 'predict')
    assert half.pred_sem_seg.data.shape == (1, 192, 288)
    scale = torch.tensor([3, 2, 3, 2])
    assert torch.allclose(half.pred_instances.bboxes, same.pred_instances.bboxes * scale)
    assert half.pred_heatmap.data.shape == (1, 24, 24)


@torch.no_grad()
def test_oracle_uses_the_boxes_of_the_ground_truth():
    model = lsnet(test_cfg=dict(oracle=True), head=dict(prior_prob=0.001)).eval()
    model.init_weights()
    model.segmentor.decode_head.conv_seg.bias.fill_(9)  # everything in a crop is foreground
    inputs, samples = batch((BOX, None))
    first, second = model(inputs, samples, 'predict')
    assert first.pred_sem_seg.data.sum() == 0
    assert first.oracle_sem_seg.data.sum() == (50 - 20 + 8) * (60 - 24 + 8)
    assert second.oracle_sem_seg.data.sum() == 0


def test_localizer_size_is_its_own():
    """L-Net sees 48 pixels, boxes and crops stay in the slice's own."""
    model = lsnet(localizer_size=(48, 48), head=dict(test_cfg=dict(score_thr=-1.0))).eval()
    inputs, samples = batch((BOX, BOX))
    view, seen = model._training_view(inputs, samples)
    assert view.shape[-2:] == (48, 48)
    assert seen[0].gt_instances.bboxes.tolist() == [[10, 12, 25, 30]]
    assert samples[0].gt_instances.bboxes.tolist() == [list(BOX)]
    direct = lsnet().localizer
    direct.load_state_dict(model.localizer.state_dict())
    found = model.localize(inputs, samples)
    direct.head.test_cfg = model.localizer.head.test_cfg
    expected = direct.eval().predict(view, seen)
    assert torch.allclose(found[0].bboxes, expected[0].bboxes * 2)
    loss, _ = model.train().parse_losses(model(inputs, samples, 'loss'))
    loss.backward()


def test_several_classes():
    seg = segmentor(out_channels=3, num_classes=3)
    model = lsnet(seg=seg, head=dict(test_cfg=dict(score_thr=-1.0)))
    inputs, samples = batch((BOX, (10, 30, 40, 80)), classes=2)
    loss, _ = model.parse_losses(model(inputs, samples, 'loss'))
    loss.backward()
    model.eval()
    with torch.no_grad():
        model.segmentor.decode_head.conv_seg.bias.copy_(torch.tensor([0.0, 0, 9]))
        model.segment_ground_truth_boxes(inputs, samples)
    for sample in samples:
        assert set(sample.oracle_sem_seg.data.unique().tolist()) == {0, 2}
        assert sample.oracle_sem_seg.data[0, 0, 0] == 0
    probs = model.encode_decode(inputs, [s.metainfo for s in samples])
    assert torch.allclose(probs[:, 0], 1 - probs[:, 1:].sum(1), atol=1e-5)


def test_tensor_mode_runs_both_stages():
    """Logits are asked for as in inference: cascades and query heads have no tensor mode."""
    model = lsnet()
    model.segmentor._forward = None  # calling it would fail
    (heatmap, distances), logits = model(torch.rand(2, 3, 96, 96))
    assert heatmap.shape == (2, 1, 24, 24) and distances.shape == (2, 4, 24, 24)
    assert logits.shape == (2, 1, 64, 64)


@pytest.mark.parametrize(
    'meta, message',
    [
        (dict(img_padding_size=(0, 6, 0, 6)), 'padded to .*data_preprocessor.test_cfg'),
        (dict(flip=True, flip_direction='horizontal'), 'flipped image'),
    ],
)
def test_padding_and_flips_at_test_time_are_refused(meta, message):
    inputs, samples = batch((BOX,))
    samples[0].set_metainfo(meta)
    with pytest.raises(ValueError, match=message):
        lsnet().eval()(inputs, samples, 'predict')


@torch.no_grad()
def test_images_without_ground_truth():
    """As mmseg's inferencer brings them."""
    model = lsnet(test_cfg=dict(oracle=True)).eval()
    inputs, samples = batch((BOX,))
    assert model(inputs, mode='predict')[0].pred_sem_seg.data.shape == (1, 96, 96)
    del samples[0].gt_instances, samples[0].gt_sem_seg
    assert 'oracle_sem_seg' not in model(inputs, samples, 'predict')[0]


@torch.no_grad()
def test_boxes_stay_exact_under_bfloat16():
    model = lsnet(head=dict(test_cfg=dict(score_thr=-1.0))).eval()
    inputs, samples = batch((BOX,))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        (found,) = model.localize(inputs, samples)
    assert found.bboxes.dtype == torch.float32
    assert not torch.equal(found.bboxes, found.bboxes.bfloat16().float())
