import torch
from helpers import batch, lsnet
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import get_state_dict, load_state_dict

from lsnet_mm.models import MultiRound
from lsnet_mm.models.segmentors.multi_round import dice


class Stub(torch.nn.Module):
    """A second stage that finds the part of the object inside its crop, whatever the image."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def encode_decode(self, crops, metas):
        self.calls += 1
        return (crops[:, :1] > 0.5).float() * 20 - 10


def wrapped(rounds, **kwargs):
    inner = lsnet(head=dict(test_cfg=dict(score_thr=-1.0)))
    torch.manual_seed(0)
    model = MultiRound(dict(type=Given, model=inner), rounds, **kwargs).eval()
    return model


def Given(model):  # noqa: N802  lets MODELS.build take a built model
    return model


def test_the_masks_box_gives_the_next_crop():
    inputs, samples = batch(((20, 24, 60, 70),))
    inputs[0, :, samples[0].gt_sem_seg.data[0] == 0] = 0
    model = wrapped(3, agreement=1.0)
    stub = model.model.segmentor.encode_decode = Stub().encode_decode
    # The first box covers the left part only; each round sees a margin of 4 pixels more.
    found = model.model.localize(inputs, samples)
    found[0] = found[0][:1]
    found[0].bboxes = torch.tensor([[18.0, 24, 30, 70]])
    model.model.segment_instances(inputs, samples, found)
    first = samples[0].pred_sem_seg.data.clone()
    model.refine(inputs, samples[0])
    last = samples[0].pred_sem_seg.data
    assert stub.__self__.calls == 4
    assert last.sum() > first.sum()
    assert torch.allclose(samples[0].pred_instances.bboxes[0, 0], torch.tensor(20.0), atol=2)


def test_agreement_stops_the_rounds():
    inputs, samples = batch(((20, 24, 60, 70),))
    model = wrapped(10)
    stub = model.model.segmentor.encode_decode = Stub().encode_decode
    found = model.model.localize(inputs, samples)
    found[0] = found[0][:1]
    found[0].bboxes = torch.tensor([[20.0, 24, 60, 70]])
    model.model.segment_instances(inputs, samples, found)
    model.refine(inputs, samples[0])
    assert stub.__self__.calls == 2 and samples[0].n_rounds == 1


def test_a_round_that_sees_nothing_takes_no_answer_away():
    inputs, samples = batch(((20, 24, 60, 70),))
    model = wrapped(3)
    calls = iter([10.0, -10.0])
    model.model.segmentor.encode_decode = lambda crops, metas: crops[:, :1] * 0 + next(calls)
    found = model.model.localize(inputs, samples)
    found[0] = found[0][:1]
    found[0].bboxes = torch.tensor([[20.0, 24, 60, 70]])
    model.model.segment_instances(inputs, samples, found)
    before = samples[0].pred_sem_seg.data.clone()
    model.refine(inputs, samples[0])
    assert before.any() and torch.equal(samples[0].pred_sem_seg.data, before)
    assert samples[0].pred_instances.bboxes.tolist() == [[20, 24, 60, 70]]


def test_plain_checkpoints_load_and_training_passes_through():
    plain = lsnet()
    model = wrapped(1)
    model.load_state_dict(plain.state_dict())
    model.load_state_dict({'model.' + k: v for k, v in plain.state_dict().items()})
    assert model.state_dict().keys() == plain.state_dict().keys()
    for ours, theirs in ((model, plain), (plain, model)):  # as mmengine's runner loads and saves
        load_state_dict(ours, get_state_dict(theirs), strict=True)
    assert model.num_classes == 2
    inputs, samples = batch()
    model.train(), plain.train()
    for mode in ('loss_localizer', 'loss'):
        torch.manual_seed(1)
        a = model(inputs, samples, mode)
        torch.manual_seed(1)
        b = plain(inputs, samples, mode)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[k], b[k]) for k in a)


def test_dice():
    a = torch.tensor([[1, 1, 0, 0]])
    assert dice(a, a) == 1 and dice(a, 1 - a) == 0
    assert abs(dice(a, torch.tensor([[1, 0, 0, 0]])) - 2 / 3) < 1e-6
    assert dice(a * 0, a * 0) == 1


def test_registered():
    assert MODELS.get('MultiRound') is MultiRound
