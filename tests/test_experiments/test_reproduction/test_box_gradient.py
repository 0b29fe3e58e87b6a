"""Where a step down the second stage's loss leads, on losses whose lowest point is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from lsnet_mm.experiments.reproduction.box_gradient import box_gradient, markdown

TRUE = torch.tensor([8.0, 4.0, 24.0, 20.0])


class Bowl(nn.Module):
    """A loss that is the distance of the proposal from a box, the true one while targets move."""

    localizer_size, gamma, roi_mixing = (32, 48), 0.1, object()

    def __init__(self, other=(0, 0, 0, 0)):
        super().__init__()
        self.other, self.moving_target = torch.tensor(other, dtype=torch.float), True
        self.localizer = SimpleNamespace(propose=None)
        self.seen = []

    def data_preprocessor(self, batch, training):
        inputs = torch.stack(batch['inputs'])
        return dict(inputs=inputs, data_samples=batch['data_samples'])

    def parse_losses(self, losses):
        return losses['loss'], {}

    def forward(self, inputs, data_samples, mode):
        assert mode == 'loss_segmentor' and self.gamma == 1 and self.roi_mixing is None
        assert data_samples[0].gt_sem_seg.data.shape[-2:] == inputs.shape[-2:]
        (roi,) = self.localizer.propose(inputs, data_samples)
        goal = TRUE if self.moving_target else self.other
        return dict(loss=(roi[1:] - goal).square().sum())


def slices(*masks):
    return [
        dict(
            inputs=torch.zeros(1, 64, 96),
            data_samples=SegDataSample(gt_sem_seg=PixelData(data=torch.from_numpy(m)[None])),
        )
        for m in masks
    ]


@pytest.fixture
def dataset():
    """The true box above; images are twice as fine as what the localizer sees, masks four times."""
    mask = np.zeros((128, 192), np.int64)
    mask[16:80, 32:96] = 1
    return slices(mask, np.zeros_like(mask), mask)


def test_a_loss_that_is_least_at_the_true_box_leads_there(dataset):
    result = box_gradient(Bowl(), dataset, errors=(0.1, 0.5))
    assert result['slices'] == 2
    assert set(result['errors']) == {'0.1', '0.5'}
    assert all(s['moving'] == s['loss'] == 1 for s in result['errors'].values())


def test_a_target_that_stays_is_measured_by_itself(dataset):
    """A loss that is least far away on the other side leads away from about half of the boxes."""
    far = Bowl(other=(-1e4, 4, 24, 20))
    (shares,) = box_gradient(far, dataset * 50, errors=(0.2,))['errors'].values()
    assert shares['moving'] == 1 and 0.3 < shares['fixed'] < 0.7
    assert far.gamma == 0.1 and far.moving_target and far.localizer.propose is None


def test_as_a_table():
    errors = {
        '0.1': dict(moving=0.54, fixed=0.46, loss=0.5),
        '0.3': dict(moving=1, fixed=0, loss=1),
    }
    assert markdown({'demo': dict(slices=7, errors=errors)}).splitlines()[2] == (
        '| demo | 7 | 10%, 30% | 54, 100 | 46, 0 | 50, 100 |'
    )
