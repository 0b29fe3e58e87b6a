"""onnxruntime gives PyTorch's masks: on phantoms and real slices, with and without objects."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from exporting import (
    build,
    config,
    dice,
    lsnet_config,
    needs_graphs,
    phantom_slices,
    predict,
    real_slices,
    save_training_checkpoint,
    segmentor,
    train,
)
from scipy import ndimage

from lsnet_mm.export import onnx_model
from lsnet_mm.export.command import export
from lsnet_mm.export.onnx_model import ONNXModel
from lsnet_mm.models.dense_heads import KPBBRHead
from lsnet_mm.models.dense_heads.keypoint_coder import decode
from lsnet_mm.models.segmentors.two_stage import dice as pytorchs_dice

pytestmark = needs_graphs


@pytest.fixture
def runner(trained):
    return ONNXModel(trained.folder, batch_size=3, threads=1)


def assert_same(results, samples, least=0.999):
    """Masks, boxes and rounds; the Dice of each slice and of all together."""
    masks = np.stack([s.pred_sem_seg.data[0].numpy() for s in samples])
    found = np.stack([r['mask'] for r in results])
    assert dice(found, masks) >= least
    for result, sample, mask in zip(results, samples, masks, strict=True):
        assert dice(result['mask'], mask) >= least
        if 'boxes' in result:
            boxes = sample.pred_instances.bboxes.numpy()
            assert result['boxes'].shape == boxes.shape
            np.testing.assert_allclose(result['boxes'], boxes, atol=0.01)
            np.testing.assert_allclose(result['scores'], sample.pred_instances.scores, atol=1e-4)
            np.testing.assert_allclose(result['heatmap'], sample.pred_heatmap.data[0], atol=1e-4)
            assert result['rounds'] == sample.metainfo.get('n_rounds', 0)
    return masks


def test_phantom(trained, runner):
    """With voting and rounds; several of the slices are empty."""
    results = runner(trained.slices)
    samples = predict(trained.model, trained.config, trained.slices)
    masks = assert_same(results, samples)
    assert masks.any((1, 2)).sum() >= 5 and not masks.any((1, 2)).all()
    assert max(r['rounds'] for r in results) > 1


def test_real_slices(trained, runner):
    slices, truth = real_slices(6)
    if not len(slices):
        pytest.skip('data/pancreas_ct_slices is not there')
    masks = assert_same(runner(slices), predict(trained.model, trained.config, slices))
    assert masks.shape == (6, 512, 512) and masks.any((1, 2)).sum() >= 3
    assert dice(masks, truth) > 0.3  # it was trained on them


def test_nothing_found(trained, runner, monkeypatch):
    """Where no keypoint is likely enough; how likely one is in air, few steps of training leave
    to chance."""
    monkeypatch.setitem(trained.model.localizer.head.test_cfg, 'score_thr', 1.0)
    runner.about['localizer']['score_thr'] = 1.0
    air = np.full((2, 70, 90), -1000, np.int16)
    results = runner(air)
    assert_same(results, predict(trained.model, trained.config, air))
    for result in results:
        assert result['mask'].shape == (70, 90) and not result['mask'].any()
        assert result['boxes'].shape == (0, 4) and result['scores'].shape == (0,)


@pytest.mark.parametrize('vote', [False, True])
def test_several_components(trained, runner, monkeypatch, vote):
    """At the threshold that gives most of them: what a few steps of training give, varies."""
    tiled = np.tile(trained.slices[4:7], (1, 2, 2))
    heatmaps = [result['heatmap'] for result in runner(tiled)]

    def most(threshold):
        return max(ndimage.label(h > threshold, np.ones((3, 3)))[1] for h in heatmaps)

    score_thr = float(max(np.linspace(0.01, 0.6, 60), key=most))
    rule = dict(vote=vote, score_thr=score_thr, max_per_img=5)
    monkeypatch.setattr(trained.model.localizer.head, 'test_cfg', rule)
    runner.about['localizer'].update(rule)
    runner.about['rounds'] = 0
    monkeypatch.setitem(trained.model.test_cfg, 'rounds', 0)
    results = runner(tiled)
    assert_same(results, predict(trained.model, trained.config, tiled))
    assert max(len(r['boxes']) for r in results) >= 2


@pytest.mark.parametrize('vote', [False, True])
def test_boxes_are_decoded_as_by_the_head(vote):
    rng = np.random.default_rng(0)
    for density in (0.2, 0.5, 0.8):
        heatmap = rng.random((17, 23), np.float32) ** 2
        heatmap[rng.random((17, 23)) > density] = 0
        heatmap[4:11, 4:11] = 0.9
        heatmap[5:10, 5:10] = 0.1  # a ring: its centroid lies outside it
        distances = 30 * rng.random((4, 17, 23), np.float32)
        rule = dict(score_thr=0.3, vote=vote, max_per_img=12)
        expected = decode(torch.from_numpy(heatmap), torch.from_numpy(distances), 4, **rule)
        boxes, scores = onnx_model.decode(
            heatmap[None], distances, rule | dict(stride=4, centerness=True)
        )
        np.testing.assert_allclose(boxes, expected[0], rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(scores, expected[1])


def test_rounds_stop_where_those_of_pytorch_do():
    """A mask and one more that agree to exactly 0.95: single precision is just below."""
    before = np.zeros((4, 10), np.uint8)
    before.flat[:20] = 1
    after = np.roll(before.reshape(-1), 1).reshape(before.shape)
    found = onnx_model.dice(before, after)
    assert found == pytorchs_dice(torch.from_numpy(before), torch.from_numpy(after)) < 0.95
    empty = np.zeros_like(before)
    assert onnx_model.dice(empty, empty) == 1 and onnx_model.dice(empty, empty + 1) == 0


def exported(model, cfg, tmp_path):
    """The runner of a model's export."""
    adam = torch.optim.Adam(model.parameters())
    save_training_checkpoint(tmp_path / 'a.pth', model, cfg, adam)
    export(cfg, str(tmp_path / 'a.pth'), tmp_path / 'out', onnx=True)
    return ONNXModel(tmp_path / 'out', threads=1)


def test_coarse_to_fine_with_several_classes(tmp_path):
    """A hard crop, a softmax, BatchNorm, a localizer that sees slices as they come."""
    model_cfg = dict(
        type='LSNet',
        localizer=dict(type='CoarseLocalizer', segmentor=segmentor()),
        roi_extractor=dict(type='HardCrop', size=(64, 64), margin=16),
        segmentor=segmentor(classes=3),
    )
    cfg = config(model_cfg, 'LoadCTSlice', dict(type='HUWindow', window=(-100, 240)))
    model, slices = build(cfg), phantom_slices()[0]
    train(model, [phantom_slices()], steps=80)
    with torch.no_grad():
        for parameter in model.decode_head.conv_seg.parameters():
            parameter.copy_(parameter[[0, 2, 1]])  # what it learned as class 1 is now class 2
    runner = exported(model, cfg, tmp_path)
    results = runner(slices)
    masks = assert_same(results, predict(model, cfg, slices))
    assert set(np.unique(masks)) == {0, 2}
    for result, mask in zip(results, masks, strict=True):
        assert (result['mask'] == mask).mean() >= 0.999  # the classes too


def test_a_mask_beside_the_boxes(tmp_path):
    """It moves boxes, unites components, and takes boxes away from slices without an object."""
    cfg = lsnet_config()
    cfg.model.localizer.head.loss_mask = dict(type='FocalDiceLoss')
    model, slices = build(cfg), phantom_slices()[0]
    train(model, [phantom_slices()], steps=80)
    runner = exported(model, cfg, tmp_path)
    assert runner.about['schema'] == 2 and runner.about['localizer']['veto_thr'] == 0.5
    found = []
    for rule in (dict(), dict(score_thr=0.02), dict(score_thr=0.02, veto_thr=0)):
        model.localizer.head.test_cfg.update(rule)
        runner.about['localizer'].update(rule)
        results = runner(slices)
        assert_same(results, predict(model, cfg, slices))
        found.append([len(r['boxes']) for r in results])
        assert set(found[-1]) <= {0, 1}
    plain, vetoed, every = map(sum, found)
    assert plain >= 5 and vetoed < every  # only the mask keeps the improbable keypoints out


@pytest.mark.parametrize('mask_thr, veto_thr', [(0.5, 0.5), (0.8, 0.3), (0.5, 0), (0.2, 0.9)])
def test_boxes_and_mask_agree_as_in_the_head(mask_thr, veto_thr):
    rng = np.random.default_rng(0)
    head = KPBBRHead(4, loss_mask=dict(type='FocalDiceLoss')).mask
    rule, counts = dict(mask_thr=mask_thr, veto_thr=veto_thr), set()
    for n in (0, 1, 3) * 10:
        boxes, scores = 60 * rng.random((n, 4), np.float32), rng.random(n, np.float32)
        logits = rng.normal(rng.uniform(-6, 2), 1, (1, 9, 11)).astype(np.float32)
        expected = head.agree(*map(torch.from_numpy, (boxes, scores, logits[0])), **rule)
        mask = torch.from_numpy(logits).sigmoid().numpy()
        found = onnx_model.agree(boxes, scores, mask, rule | dict(stride=4))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
            assert a.shape == b.shape
        counts.add((n, len(found[0])))
    assert {(0, 0), (1, 1), (3, 1)} <= counts


def test_one_stage_with_a_resize(tmp_path):
    """8-bit slices, one graph, masks at the size of the slice. Its three channels are those of
    every older export."""
    resize = dict(type='ResizeSlice', scale=(96, 64))
    cfg = config(segmentor(), 'LoadImageFromFile', resize)
    model = build(cfg)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight, std=0.5)
    torch.nn.init.zeros_(model.decode_head.conv_seg.bias)
    runner = exported(model, cfg, tmp_path)
    assert not (tmp_path / 'out' / 'localizer.onnx').exists()
    assert runner.about['preprocessing']['channels'] == 3
    slices = np.random.default_rng(0).integers(0, 255, (3, 130, 150), np.uint8)
    slices = np.sort(slices, axis=2)  # pure noise would leave grey without structure
    assert runner(slices)[0].keys() == {'mask'}
    masks = assert_same(runner(slices), predict(model, cfg, slices))
    assert masks.any() and not masks.all()


def test_the_runner_needs_no_torch(trained, tmp_path):
    slices = trained.slices[5:7]
    np.save(tmp_path / 'slices.npy', slices)
    (tmp_path / 'runner.py').write_text(Path(onnx_model.__file__).read_text())
    code = f"""
import sys
for name in ('torch', 'mmengine', 'mmcv', 'mmseg', 'lsnet_mm', 'cv2', 'onnx'):
    sys.modules[name] = None
import numpy as np
from runner import ONNXModel
results = ONNXModel({str(trained.folder)!r}, threads=1)(np.load('slices.npy'))
np.save('masks.npy', [result['mask'] for result in results])
"""
    subprocess.run([sys.executable, '-c', code], cwd=tmp_path, check=True, env={'PATH': ''})
    expected = predict(trained.model, trained.config, slices)
    masks = np.load(tmp_path / 'masks.npy')
    assert masks.any()
    assert dice(masks, [s.pred_sem_seg.data[0] for s in expected]) >= 0.999


@pytest.mark.parametrize(
    'slices',
    [np.zeros((4, 4)), np.zeros((1, 2, 32, 32)), np.full((1, 32, 32), np.nan)],
    ids=['2D', 'channels', 'NaN'],
)
def test_slices_that_cannot_be_predicted(runner, slices):
    with pytest.raises(ValueError, match=r'expected finite slices \(N, 1, H, W\) or \(N, H, W\)'):
        runner(slices)


def test_an_export_of_a_newer_version(trained, tmp_path):
    about = json.loads((trained.folder / 'model.json').read_text())
    (tmp_path / 'model.json').write_text(json.dumps(about | dict(schema=99)))
    with pytest.raises(ValueError, match='schema 99, and this runner knows 1 and 2'):
        ONNXModel(tmp_path)
