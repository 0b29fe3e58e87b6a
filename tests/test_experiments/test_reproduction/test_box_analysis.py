"""Boxes of localizers that never look, and where a step down the second stage's loss leads, on
losses whose lowest point is known."""

from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from lsnet_mm.evaluation.boxes import boxes_around, centers, iou, sides
from lsnet_mm.experiments.reproduction.box_analysis import (
    box_gradient,
    floors,
    gradient_table,
    mask_boxes,
)

REAL = Path(__file__).parents[3].parent / 'shared' / 'data' / 'pancreas_ct_slices'
TRUE = torch.tensor([8.0, 4.0, 24.0, 20.0])


def test_no_floor_of_whole_pixels_is_better():
    rng = np.random.default_rng(0)
    boxes = boxes_around(rng.integers(9, 12, (15, 2)), rng.integers(2, 7, (15, 2)) * 2.0)
    one, centred = floors(boxes, boxes).values()
    grid = np.array([b for b in product(range(20), repeat=4) if b[0] < b[2] and b[1] < b[3]])
    assert iou(one, boxes).mean() >= max(iou(b, boxes).mean() for b in grid) - 1e-3
    assert np.allclose(centers(centred), centers(boxes))
    assert np.ptp(sides(centred), axis=0) == pytest.approx(0)
    sizes = (boxes_around(centers(boxes), np.array(s)) for s in product(range(1, 16), repeat=2))
    assert iou(centred, boxes).mean() >= max(iou(b, boxes).mean() for b in sizes) - 1e-3


def test_floors_are_chosen_in_training():
    train, val = (np.array([b], float) for b in ([0, 0, 10, 10], [20, 20, 30, 25]))
    assert [b.tolist() for b in floors(train, val).values()] == [
        [pytest.approx([0, 0, 10, 10], abs=0.01)],
        [pytest.approx([20, 17.5, 30, 27.5], abs=0.01)],
    ]


def test_boxes_of_masks(tmp_path):
    mask = np.zeros((2, 32, 32), np.uint8)
    mask[0, 20:25, 20:30], mask[0, 0] = 1, 255
    for name, image in zip('ab', mask, strict=True):
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)
    assert mask_boxes(sorted(tmp_path.iterdir())).tolist() == [[20, 20, 30, 25]]


@pytest.mark.skipif(not REAL.is_dir(), reason='shared/data/pancreas_ct_slices is not there')
def test_floors_of_real_slices():
    """The median size in place of the best has 43.0."""
    train, val = (mask_boxes((REAL / s / 'masks').iterdir()) for s in ('train', 'val'))
    each = [100 * iou(boxes, val).mean() for boxes in floors(train, val).values()]
    assert each == pytest.approx([19.2, 44.4], abs=0.1)
    median = boxes_around(centers(val), np.median(sides(train), axis=0))
    assert 100 * iou(median, val).mean() == pytest.approx(43.0, abs=0.1)


class Bowl(nn.Module):
    """A loss that is the distance of the proposal from a box, the true one while targets move."""

    localizer_size, gamma, roi_mixing = (32, 48), 0.1, object()

    def __init__(self, other=(0, 0, 0, 0)):
        super().__init__()
        self.other, self.moving_target = torch.tensor(other, dtype=torch.float), True
        self.localizer = None

    def data_preprocessor(self, batch, training):
        return batch | dict(inputs=torch.stack(batch['inputs']))

    def parse_losses(self, losses):
        return losses['loss'], {}

    def forward(self, inputs, data_samples, mode):
        assert mode == 'loss_segmentor' and self.gamma == 1 and self.roi_mixing is None
        assert data_samples[0].gt_sem_seg.data.shape[-2:] == inputs.shape[-2:]
        (roi,) = self.localizer.propose(inputs, data_samples)
        goal = TRUE if self.moving_target else self.other
        return dict(loss=(roi[1:] - goal).square().sum())


@pytest.fixture
def dataset():
    """The true box above; images are twice as fine as what the localizer sees, masks four times."""
    mask = torch.zeros(1, 128, 192, dtype=torch.long)
    mask[:, 16:80, 32:96] = 1
    samples = (SegDataSample(gt_sem_seg=PixelData(data=m)) for m in (mask, 0 * mask, mask))
    return [dict(inputs=torch.zeros(1, 64, 96), data_samples=sample) for sample in samples]


def test_a_loss_that_is_least_at_the_true_box_leads_there(dataset):
    result = box_gradient(Bowl(), dataset, errors=(0.1, 0.5))
    assert result['slices'] == 2 and set(result['errors']) == {'0.1', '0.5'}
    assert all(s['moving'] == s['loss'] == 1 for s in result['errors'].values())


def test_a_target_that_stays_is_measured_by_itself(dataset):
    """A loss that is least far away on the other side leads away from about half of the boxes."""
    far = Bowl(other=(-1e4, 4, 24, 20))
    (shares,) = box_gradient(far, dataset * 50, errors=(0.2,))['errors'].values()
    assert shares['moving'] == 1 and 0.3 < shares['fixed'] < 0.7
    assert far.gamma == 0.1 and far.moving_target and far.localizer is None


def test_gradients_as_a_table():
    errors = {
        '0.1': dict(moving=0.54, fixed=0.46, loss=0.5),
        '0.3': dict(moving=1, fixed=0, loss=1),
    }
    assert gradient_table({'demo': dict(slices=7, errors=errors)}).splitlines()[2] == (
        '| demo | 7 | 10%, 30% | 54, 100 | 46, 0 | 50, 100 |'
    )
