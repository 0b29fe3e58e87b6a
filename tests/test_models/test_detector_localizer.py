"""Any detector as the first stage: boxes go in and come out in the pixels of the images, and no
gradient comes back through them."""

import pytest
import torch
from detectors import DETECTORS, FCOS
from helpers import (
    assert_second_stage_leaves_the_first,
    batch,
    learn_by_heart,
    lsnet,
    segmentor,
)
from mmengine.structures import InstanceData

from lsnet_mm.export import ExportError
from lsnet_mm.export.graphs import graphs_of

pytestmark = pytest.mark.mmdet
BOX = (20, 24, 50, 60)
FOUR = ((12, 18, 44, 52), (40, 30, 84, 62), (26, 50, 50, 88), (50, 10, 88, 40))


@pytest.fixture(autouse=True)
def _needs_ops():
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')


def with_detector(detector=FCOS, **kwargs):
    localizer = dict(type='DetectorLocalizer', detector=detector, **kwargs)
    return lsnet(localizer=localizer, seg=segmentor(norm_cfg=dict(type='BN')))


def answer(localizer, *found):
    """Let the detector find these boxes (x1, y1, x2, y2, score), and note what it is asked."""
    asked = []

    def predict(inputs, samples, rescale):
        asked.append((inputs, samples, rescale, localizer.detector.training))
        for sample, boxes in zip(samples, found, strict=True):
            boxes = torch.tensor(boxes).view(-1, 5)
            labels = torch.ones(len(boxes), dtype=torch.long)
            sample.pred_instances = InstanceData(
                bboxes=boxes[:, :4], scores=boxes[:, 4], labels=labels
            )
        return samples

    localizer.detector.predict = predict
    return asked


def test_the_best_boxes_above_the_threshold():
    inputs, samples = batch()
    localizer = with_detector(score_thr=0.4, max_per_img=2).localizer
    boxes = [[0, 0, 9, 9, 0.5], [1, 1, 9, 9, 0.9], [2, 2, 9, 9, 0.3], [3, 3, 9, 9, 0.8]]
    answer(localizer, boxes, [])
    found, nothing = localizer.predict(inputs, samples)
    assert found.bboxes.tolist() == [[1, 1, 9, 9], [3, 3, 9, 9]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8]) and found.labels.tolist() == [0, 0]
    assert nothing.bboxes.shape == (0, 4) and nothing.scores.shape == (0,)


def test_proposals():
    """The best box whatever its score; the whole image where there is none, or none with a size;
    nothing for an image without an object."""
    inputs, samples = batch(boxes=(BOX, None, BOX, BOX))
    localizer = with_detector().localizer.train()
    crossed, thin = [30, 30, 20, 40, 0.9], [30, 30, 30.5, 40, 0.9]
    asked = answer(
        localizer, [[0, 0, 9, 9, 0.1], [1, 1, 9, 9, 0.2]], [], [crossed, thin, [5, 6, 8, 9, 0.1]]
    )
    rois = localizer.propose(inputs, samples)
    assert rois.tolist() == [[0, 1, 1, 9, 9], [2, 0, 0, 96, 96], [3, 5, 6, 8, 9]]
    ((seen, _, _, training),) = asked
    assert torch.equal(seen, inputs[[0, 2, 3]]) and not training and localizer.detector.training
    assert localizer.propose(inputs[1:2], samples[1:2]).shape == (0, 5)


def test_what_a_detector_is_given():
    inputs, samples = batch(boxes=(BOX, None), size=(70, 96))
    localizer = with_detector().localizer
    asked = answer(localizer, [], [])
    localizer.predict(inputs, samples)
    padded, (first, _), rescale, _ = asked[0]
    assert padded.shape == (2, 3, 96, 96) and rescale is False
    assert torch.equal(padded[..., :70, :], inputs) and not padded[..., 70:, :].any()
    assert (first.img_shape, first.pad_shape) == ((70, 96), (96, 96))
    assert 'gt_instances' not in first
    localizer.detector.loss = lambda inputs, samples: [s.gt_instances for s in samples]
    samples[0].gt_instances.labels += 1  # of an organ; a detector knows objects
    first, second = localizer.loss(inputs, samples)
    assert first.bboxes.tolist() == [list(BOX)] and first.labels.tolist() == [0]
    assert second.bboxes.shape == (0, 4)


@pytest.mark.parametrize('name', DETECTORS)
def test_the_second_stage_does_not_move_a_detector(name):
    """Neither its parameters nor the statistics of its norms; its own losses move it alone."""
    inputs, samples = batch()
    model = with_detector(DETECTORS[name]).train()
    assert_second_stage_leaves_the_first(model, inputs, samples)
    model.zero_grad(set_to_none=True)
    loss, log = model.parse_losses(model(inputs, samples, mode='loss_localizer'))
    loss.backward()
    assert all(key.startswith('localizer.') for key in log if key != 'loss')
    assert any(p.grad is not None and p.grad.any() for p in model.localizer.parameters())
    assert all(p.grad is None for p in model.segmentor.parameters())


@pytest.mark.slow
@pytest.mark.parametrize('name', DETECTORS)
def test_learns_where_objects_are(name):
    """Four images by heart: in alternation, at a size that has to be filled up, seen smaller."""
    inputs, samples = batch(FOUR, size=(96, 104))
    torch.manual_seed(0)
    model = with_detector(DETECTORS[name])
    model.localizer_size = (90, 100)
    model.init_weights()
    iou, dice = learn_by_heart(model, inputs, samples, lr=5e-3, steps=60)
    assert min(iou) > 0.4 and sum(iou) / 4 > 0.6 and min(dice) > 0.85, (iou, dice)


def test_a_batch_without_an_object():
    inputs, samples = batch(boxes=(None, None))
    model = with_detector().train()
    for mode in ('loss_localizer', 'loss_segmentor', 'loss'):
        loss, _ = model.parse_losses(model(inputs, samples, mode=mode))
        assert torch.isfinite(loss)


def test_onnx_is_refused_by_name():
    pytest.importorskip('onnx')
    with pytest.raises(ExportError, match='type LSNet with a DetectorLocalizer cannot'):
        graphs_of(with_detector().eval())


def test_a_data_preprocessor_is_refused():
    detector = FCOS | dict(data_preprocessor=dict(type='DetDataPreprocessor', mean=[1, 2, 3]))
    with pytest.raises(ValueError, match="LSNet's normalises the images. Remove it"):
        with_detector(detector)
