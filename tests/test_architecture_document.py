"""docs/architecture.md names every room, and the parts that it adds work in an L-SNet."""

import re

import numpy as np
import pytest
import torch
from helpers import ROOT, batch, lsnet, segmentor
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, METRICS, MODELS
from PIL import Image

TEXT = (ROOT / 'docs' / 'architecture.md').read_text()
BOX = (20, 24, 50, 60)


def test_the_tree_names_every_room():
    tree = TEXT[TEXT.index('    lsnet_mm/\n') : TEXT.index('    configs/  ')]
    named = set(re.findall(r'^      (\w+)/ ', tree, re.MULTILINE))
    folders = {
        p.name for p in (ROOT / 'lsnet_mm').iterdir() if p.is_dir() and p.name[0] not in '._'
    }
    assert named == folders
    for path in (ROOT / 'lsnet_mm').glob('[a-z]*.py'):
        assert path.stem in tree.split('\n')[1], f'{path.name} is not in the tree'


@pytest.fixture(scope='module', autouse=True)
def parts():
    """All its pieces of Python, each as a module of its own; other tests do not see them."""
    registries = (MODELS, DATASETS, METRICS)
    before = [set(registry.module_dict) for registry in registries]
    for piece in re.findall(r'```python\n(.+?)```', TEXT, re.DOTALL):
        exec(piece, {'__name__': 'document'})
    new = [set(r.module_dict) - old for r, old in zip(registries, before, strict=True)]
    yield
    for registry, names in zip(registries, new, strict=True):
        for name in names & set(registry.module_dict):
            if registry.module_dict[name].__module__ == 'document':
                registry.module_dict.pop(name)


def test_extractor_and_loss_train_and_predict_together():
    net = segmentor()
    net['decode_head']['loss_decode'] = dict(type='AbsoluteError')
    square = dict(type='SquareRecalibration', size=(64, 64), margin=0, reference_width=None)
    model = lsnet(roi_extractor=square, seg=net)
    inputs, samples = batch((BOX, None))
    losses = model(inputs, samples, 'loss_segmentor')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert 0 < losses['segmentor.decode.loss_absolute'] < 1
    assert any(p.grad.any() for p in model.segmentor.parameters())
    found = model.eval().predict(inputs, samples)
    assert all(one.pred_sem_seg.data.shape[1:] == inputs.shape[2:] for one in found)


def test_a_mask_comes_back_from_the_square():
    extractor = MODELS.build(dict(type='SquareRecalibration', size=(64, 64), margin=2))
    mask = torch.zeros(1, 1, 90, 120)
    mask[..., 30:50, 20:80] = 1
    rois = torch.tensor([[0.0, 20, 30, 80, 50]])
    (x1, y1, x2, y2) = extractor.regions(rois, (90, 120))[0].tolist()
    assert x2 - x1 == pytest.approx(y2 - y1) and (y1 + y2) / 2 == pytest.approx(40)
    back = extractor.paste(extractor.crop(mask, rois), rois, (90, 120), 1) > 0.5
    assert 2 * (back * mask).sum() / (back.sum() + mask.sum()) > 0.97


def test_the_loss_is_a_mean_over_known_pixels():
    target = torch.tensor([[[0, 1, 255, 255]]])
    loss = MODELS.build(dict(type='AbsoluteError'))(torch.zeros(1, 1, 1, 4), target)
    assert loss.item() == pytest.approx(0.5)


def test_the_dataset_has_records_and_a_fingerprint(tmp_path):
    (tmp_path / 'train').mkdir()
    for suffix in ('jpg', 'png'):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / 'train' / f'a.{suffix}')
    dataset = DATASETS.build(dict(type='SideBySide', data_root=str(tmp_path)))
    assert (len(dataset), dataset.get_data_info(0)['case']) == (1, 'a')
    assert len(dataset.sha256()) == 64


def test_the_metric_counts():
    evaluator = Evaluator([METRICS.build(dict(type='FoundShare'))])
    masks = [torch.zeros(1, 4, 4), torch.ones(1, 4, 4)]
    for mask in masks:
        evaluator.process([dict(pred_sem_seg=dict(data=mask))])
    assert evaluator.evaluate(2) == {'mine/found': 50.0}
