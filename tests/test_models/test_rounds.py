"""Refinement rounds, a setting of any two-stage model: the mask's box gives the next crop."""

import pytest
import torch
from helpers import batch, lsnet
from mmengine.structures import InstanceData

BOX = (20, 24, 60, 70)
PART = (18, 24, 30, 70)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def model_of(box, **test_cfg):
    """A model whose localizer finds one box in every image, and whose segmentor sees what is bright
    inside its crop; and the crops."""
    model, calls = lsnet(test_cfg=test_cfg).eval(), []
    found = InstanceData(bboxes=torch.tensor([box], dtype=torch.float32), scores=torch.ones(1))
    model.localizer.predict = lambda inputs, samples: [found.clone() for _ in samples]
    model.segmentor.encode_decode = lambda crops, metas: (
        calls.append(crops) or (crops[:, :1] > 0.5).float() * 20 - 10
    )
    return model, calls


def objects(*boxes):
    """Images with nothing beside the objects."""
    inputs, samples = batch(boxes)
    return inputs * torch.stack([s.gt_sem_seg.data for s in samples]), samples


def test_none_by_default():
    model, calls = model_of(BOX)
    (sample,) = model(*objects(BOX), 'predict')
    assert len(calls) == 1 and 'n_rounds' not in sample


def test_the_masks_box_gives_the_next_crop():
    """The first box covers the left part only; each round sees a margin of 4 pixels more."""
    found = []
    for rounds in (0, 1, 3):
        model, calls = model_of(PART, rounds=rounds, agreement=1.0)
        (sample,) = model(*objects(BOX), 'predict')
        assert len(calls) == 1 + rounds and sample.get('n_rounds', 0) == rounds
        found.append((int(sample.pred_sem_seg.data.sum()), sample.pred_instances.bboxes[0]))
    areas = [area for area, _ in found]
    assert areas == sorted(set(areas))
    assert found[0][1].tolist() == list(PART)
    assert torch.allclose(found[-1][1][0], torch.tensor(20.0), atol=2)


def test_agreement_stops_the_rounds_of_each_image():
    model, calls = model_of(BOX, rounds=10)
    first, second = model(*objects(BOX, None), 'predict')
    assert (first.n_rounds, second.n_rounds) == (1, 0) and len(calls) == 2
    assert first.pred_sem_seg.data.any() and not second.pred_sem_seg.data.any()


def test_a_round_that_sees_nothing_takes_no_answer_away():
    model, _ = model_of(BOX, rounds=3)
    answers = iter([10.0, -10.0])
    model.segmentor.encode_decode = lambda crops, metas: crops[:, :1] * 0 + next(answers)
    (sample,) = model(*objects(BOX), 'predict')
    assert sample.pred_sem_seg.data.any() and sample.n_rounds == 1
    assert sample.pred_probability.data.max() > 0.9
    assert sample.pred_instances.bboxes.tolist() == [list(BOX)]


def test_ground_truth_boxes_are_segmented_once():
    """Rounds refine what was found; the oracle's boxes are right already."""
    model, calls = model_of(PART, rounds=3, agreement=1.0, oracle=True)
    model(*objects(BOX), 'predict')
    assert len(calls) == 1 + 1 + 3


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"LSNet got test_cfg with \['round'\]: it knows .*rounds"):
        lsnet(test_cfg=dict(round=3))


def test_a_mask_is_judged_by_one_round_more():
    """By what a model with a round more gives, and nothing of the answer changes."""
    plain, judged, more = (
        model_of(PART, **how) for how in ({}, dict(judge=True), dict(rounds=1, agreement=1.0))
    )
    inputs, _ = objects(BOX, None)
    inputs = torch.cat((inputs, inputs[:1]))
    found, asked, refined = (
        model(inputs, objects(BOX, None, BOX)[1], 'predict') for model, _ in (plain, judged, more)
    )
    assert len(plain[1]) == 1 and len(judged[1]) == 2
    for one, other in zip(found, asked, strict=True):
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        assert torch.equal(one.pred_instances.bboxes, other.pred_instances.bboxes)
    a, b = (one[0].pred_sem_seg.data.numpy() > 0 for one in (asked, refined))
    expected = 2 * (a & b).sum() / (a.sum() + b.sum())
    assert 0.5 < expected < 0.95
    assert [s.get('agreement') for s in asked] == [
        pytest.approx(expected, abs=1e-6),
        None,
        pytest.approx(expected, abs=1e-6),
    ]
    assert not any('agreement' in s for s in found)
