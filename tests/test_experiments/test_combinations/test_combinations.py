"""Each combination of the catalogue trains a step of both phases and predicts.

Those that need MMDetection's models, or mmcv's compiled operations, have the mark ``mmdet``.
"""

import math

import pytest
import torch

from lsnet_mm.experiments.combinations.combination import read_combinations
from lsnet_mm.experiments.combinations.trial import Trial, phantom_batch

SIZE, CROP = 64, 32
COMBINATIONS = read_combinations()
OPS = {'mmdet', 'mmcv._ext'}

pytestmark = pytest.mark.filterwarnings('ignore')  # MMSegmentation's, on its own configs


@pytest.fixture(scope='module')
def batch():
    return phantom_batch(number=2, size=SIZE, organs=2)


def cases():
    for name, combination in COMBINATIONS.items():
        marks = [pytest.mark.mmdet] if OPS & set(combination.needs) else []
        yield pytest.param(combination, id=name, marks=marks)


def first_weights(model):
    """What the gradient reaches last in each net; some backbones freeze their stem."""
    nets = dict(localizer=model.localizer, segmentor=model.segmentor)
    trained = {k: [p for p in n.backbone.parameters() if p.requires_grad] for k, n in nets.items()}
    return {name: weights[0].detach().clone() for name, weights in trained.items()}


@pytest.mark.parametrize('combination', cases())
def test_trains_a_step_and_predicts(combination, batch):
    if missing := combination.missing():
        pytest.skip(f'{", ".join(missing)} not installed')
    trial = Trial(combination.model(CROP, num_classes=3), batch)
    before = first_weights(trial.model)
    losses = trial.step()

    first, second = losses['loss_localizer'], losses['loss_segmentor']
    assert all(map(math.isfinite, [*first.values(), *second.values()]))
    assert first['localizer.loss_cls'] > 0 and first['localizer.loss_bbox'] > 0
    assert second['loss'] > 0
    auxiliary = hasattr(trial.model.segmentor, 'auxiliary_head')
    assert any(key.startswith('segmentor.aux') for key in second) == auxiliary
    for net, weights in first_weights(trial.model).items():
        assert not torch.equal(weights, before[net]), net

    for sample in trial.predict():
        assert sample.pred_sem_seg.data.shape == (1, SIZE, SIZE)
        assert set(sample.pred_sem_seg.data.unique().tolist()) <= {0, 1, 2}
        assert sample.pred_instances.bboxes.shape == (1, 4)
    with torch.no_grad():
        _, logits = trial.model(torch.zeros(1, 3, SIZE, SIZE), mode='tensor')
    crop = combination.crop_size or CROP
    assert logits.shape == (1, 3, crop, crop)


@pytest.mark.parametrize('name', ['upernet', 'ocrnet_hrnet', 'segformer'])
def test_several_classes_are_those_of_the_segmentor(name, batch):
    """A box around the whole image gives MMSegmentation's own answer on it."""
    model = COMBINATIONS[name].model(SIZE, num_classes=3)
    model.roi_extractor.margin = 0
    model.segmentor.test_cfg = dict(mode='whole')
    model = Trial(model, batch).model.eval()
    data = model.data_preprocessor(batch, False)
    inputs, samples = data['inputs'], data['data_samples']
    whole = [torch.tensor([[0.0, 0, SIZE, SIZE]])] * len(inputs)
    with torch.no_grad():
        # Untrained logits are nearly one class: let the three compete.
        head = model.decode_head
        logits = model.segmentor.encode_decode(inputs, [dict(img_shape=inputs.shape[-2:])] * 2)
        head.conv_seg.bias -= logits.mean(dim=(0, 2, 3))
        expected = [s.pred_sem_seg.data for s in model.segmentor.predict(inputs)]
        found = [model._labels(m)[0] for m in model.segment_boxes(inputs, whole, samples)]
    assert set(torch.cat(expected).unique().tolist()) == {0, 1, 2}
    for a, b in zip(found, expected, strict=True):
        assert (a == b).float().mean() > 0.999


@pytest.mark.parametrize('name', ['upernet', 'ocrnet_hrnet', 'segformer'])
def test_one_channel(name):
    """A binary mask from a sigmoid, as docs/combinations.md has it."""
    model = COMBINATIONS[name].model(CROP, num_classes=2)
    binary = dict(
        out_channels=1, threshold=0.5, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)
    )
    heads = [model.segmentor.decode_head, model.segmentor.get('auxiliary_head')]
    for head in heads:
        for part in head if isinstance(head, list) else [head] if head else []:
            part.update(binary)
    trial = Trial(model, phantom_batch(2, SIZE, organs=1))
    assert math.isfinite(trial.step()['loss_segmentor']['loss'])
    for sample in trial.predict():
        assert set(sample.pred_sem_seg.data.unique().tolist()) <= {0, 1}
    assert trial.model.out_channels == 1 and trial.model.decode_head.threshold == 0.5
