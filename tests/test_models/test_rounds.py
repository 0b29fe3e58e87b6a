"""Refinement rounds, a setting of any two-stage model: the mask's box gives the next crop."""

import pytest
import torch
from helpers import batch, lsnet
from mmengine.structures import InstanceData

from lsnet_mm.models.segmentors.two_stage import dice

pytestmark = pytest.mark.usefixtures('no_grad')
BOX = ((20, 24, 60, 70),)


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


class Stub:
    """A segmentor that sees the bright object inside its crop, whatever the image."""

    def __init__(self):
        self.calls = 0

    def encode_decode(self, crops, metas):
        self.calls += 1
        return (crops[:, :1] > 0.5).float() * 20 - 10


def model_of(box, **test_cfg):
    """A model whose localizer finds one box in every image, and its stub."""
    model = lsnet(test_cfg=test_cfg).eval()
    found = InstanceData(bboxes=torch.tensor([box], dtype=torch.float32), scores=torch.ones(1))
    model.localizer.predict = lambda inputs, samples: [found.clone() for _ in samples]
    stub = Stub()
    model.segmentor.encode_decode = stub.encode_decode
    return model, stub


def one_object():
    inputs, samples = batch(BOX)
    inputs[0, :, samples[0].gt_sem_seg.data[0] == 0] = 0
    return inputs, samples


def test_none_by_default():
    inputs, samples = one_object()
    model, stub = model_of((20, 24, 60, 70))
    (sample,) = model(inputs, samples, 'predict')
    assert stub.calls == 1 and 'n_rounds' not in sample


def test_the_masks_box_gives_the_next_crop():
    """The first box covers the left part only; each round sees a margin of 4 pixels more."""
    box = (18, 24, 30, 70)
    found = []
    for rounds in (0, 1, 3):
        inputs, samples = one_object()
        model, stub = model_of(box, rounds=rounds, agreement=1.0)
        (sample,) = model(inputs, samples, 'predict')
        assert stub.calls == 1 + rounds and sample.get('n_rounds', 0) == rounds
        found.append((int(sample.pred_sem_seg.data.sum()), sample.pred_instances.bboxes[0]))
    areas = [area for area, _ in found]
    assert areas == sorted(set(areas))
    assert found[0][1].tolist() == list(box)
    assert torch.allclose(found[-1][1][0], torch.tensor(20.0), atol=2)


def test_agreement_stops_the_rounds():
    inputs, samples = one_object()
    model, stub = model_of((20, 24, 60, 70), rounds=10)
    (sample,) = model(inputs, samples, 'predict')
    assert stub.calls == 2 and sample.n_rounds == 1


def test_each_image_has_rounds_of_its_own():
    inputs, samples = batch((*BOX, None))
    inputs[0, :, samples[0].gt_sem_seg.data[0] == 0] = 0
    inputs[1] = 0
    model, stub = model_of((20, 24, 60, 70), rounds=10)
    first, second = model(inputs, samples, 'predict')
    assert (first.n_rounds, second.n_rounds) == (1, 0)
    assert first.pred_sem_seg.data.any() and not second.pred_sem_seg.data.any()


def test_a_round_that_sees_nothing_takes_no_answer_away():
    inputs, samples = one_object()
    model, _ = model_of((20, 24, 60, 70), rounds=3)
    calls = iter([10.0, -10.0])
    model.segmentor.encode_decode = lambda crops, metas: crops[:, :1] * 0 + next(calls)
    (sample,) = model(inputs, samples, 'predict')
    assert sample.pred_sem_seg.data.any() and sample.n_rounds == 1
    assert sample.pred_probability.data.max() > 0.9
    assert sample.pred_instances.bboxes.tolist() == [[20, 24, 60, 70]]


def test_ground_truth_boxes_are_segmented_once():
    """Rounds refine what was found; the oracle's boxes are right already."""
    inputs, samples = one_object()
    model, stub = model_of((18, 24, 30, 70), rounds=3, agreement=1.0, oracle=True)
    model(inputs, samples, 'predict')
    assert stub.calls == 1 + 1 + 3


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"LSNet got test_cfg with \['round'\]: it knows .*rounds"):
        lsnet(test_cfg=dict(round=3))


def test_dice():
    a = torch.tensor([[1, 1, 0, 0]])
    assert dice(a, a) == 1 and dice(a, 1 - a) == 0
    assert abs(dice(a, torch.tensor([[1, 0, 0, 0]])) - 2 / 3) < 1e-6
    assert dice(a * 0, a * 0) == 1
