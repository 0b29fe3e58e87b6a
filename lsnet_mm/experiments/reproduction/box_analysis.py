"""What is known of boxes beside a table's scores: what two localizers are worth that never look at
a slice, and where the second stage's loss sends a box."""

import functools
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...evaluation.boxes import boxes_around, centers, iou, sides
from ...models.geometry import boxes_to_rois, mask_to_box, scale_boxes
from ...utils.resizing import resize_labels
from .report import markdown_table

ERRORS = (0.1, 0.3, 0.6)


def mask_boxes(files: Iterable[Path]) -> np.ndarray:
    """The boxes (n, 4) of masks with foreground, in pixels of the slice."""
    masks = (torch.from_numpy(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)) for file in files)
    return torch.cat([mask_to_box((mask > 0) & (mask != 255)) for mask in masks]).double().numpy()


def floors(train: np.ndarray, val: np.ndarray) -> dict[str, np.ndarray]:
    """What two localizers propose that never look at a slice: above them takes learning.

    ``one box`` is the same for all slices; ``true centre, one size`` is told where the object is,
    so only what is above it has learnt sizes. Both are those of the highest mean IoU in training.

    Args:
        train: Boxes of :func:`mask_boxes`, (n, 4), that the two are chosen on.
        val: (m, 4), that they are for.

    Returns:
        dict: (m, 4) by name.
    """
    box = _best(lambda box: box, train, np.median(train, axis=0))
    around = functools.partial(boxes_around, centers(train))
    size = _best(around, train, np.median(sides(train), axis=0))
    return {
        'one box': np.broadcast_to(box, val.shape),
        'true centre, one size': boxes_around(centers(val), size),
    }


def box_gradient(
    model: nn.Module, dataset: Dataset, errors: Sequence[float] = ERRORS, seed: int = 0
) -> dict[str, object]:
    """How often a step down ``L_S`` leads a wrong box towards the true one.

    Each edge of a slice's true box is moved at random, at most by ``error`` times the box's side.
    The gradient is what ``loss_segmentor`` sends to the proposal. A step leads to the true box
    where its cosine with the way there is above 0; by chance that is half of them.

    Args:
        model: A trained ``LSNet``; a copy of it is used.
        dataset: Slices with their masks; empty ones are passed over.
        errors: As shares of the box's sides.
        seed: Of the errors, the same for each target.

    Returns:
        dict: ``slices``, their number, and ``errors``: for each the share of steps that lead to the
        true box by a target that moves with it and by a fixed one, and the share of boxes that the
        loss itself puts behind the true one.
    """
    model = deepcopy(model).eval()
    # The gradient comes to the proposals undiminished, and to no others.
    model.gamma, model.roi_mixing = 1.0, None
    cases = [case for k in range(len(dataset)) if (case := _case(model, dataset[k]))]
    model.localizer = _GivenBox()
    result = {}
    for error in errors:
        rng = np.random.default_rng(seed)
        shares = {'moving': [], 'fixed': [], 'loss': []}
        for data, true in cases:
            sides = (true[2:] - true[:2]).repeat(2)
            moves = torch.from_numpy(rng.uniform(-error, error, 4)).to(sides) * sides
            loss, gradient = _loss(model, data, true + moves, moving=True)
            shares['moving'].append(float(gradient @ moves) > 0)
            shares['loss'].append(float(_loss(model, data, true, moving=True)[0]) < float(loss))
            _, gradient = _loss(model, data, true + moves, moving=False)
            shares['fixed'].append(float(gradient @ moves) > 0)
        result[str(error)] = {name: float(np.mean(hits)) for name, hits in shares.items()}
    return {'slices': len(cases), 'errors': result}


def gradient_table(results: dict[str, dict]) -> str:
    """Results of :func:`box_gradient` by name as a table in Markdown, in percent."""
    names = ('moving target', 'fixed target', 'the loss prefers the true box')
    lines = [['S-Net of', 'slices', 'at errors of', *names]]
    for name, result in results.items():
        each = result['errors']
        columns = [
            ', '.join(f'{100 * shares[key]:.0f}' for shares in each.values())
            for key in ('moving', 'fixed', 'loss')
        ]
        errors = ', '.join(f'{float(error):.0%}' for error in each)
        lines.append([name, str(result['slices']), errors, *columns])
    return markdown_table(lines)


class _GivenBox(nn.Module):
    """A localizer that proposes what it is told."""

    rois: Tensor

    def propose(self, inputs: Tensor, data_samples: list) -> Tensor:
        return self.rois


def _case(model: nn.Module, sample: dict) -> tuple[dict, Tensor] | None:
    """A slice as the model takes it, and its true box in pixels that the localizer sees."""
    data = model.data_preprocessor(pseudo_collate([sample]), False)
    size, mask = data['inputs'].shape[-2:], data['data_samples'][0].gt_sem_seg.data[0]
    box = mask_to_box((mask > 0) & (mask != 255))
    if not len(box):
        return None
    # Data sets for scoring keep masks at their own size, and the loss takes them at the image's.
    labels = torch.from_numpy(resize_labels(mask.numpy().astype(np.uint8), size[::-1]))
    data['data_samples'][0].gt_sem_seg = PixelData(data=labels[None].long())
    return data, scale_boxes(box, mask.shape, model.localizer_size or size)[0]


def _loss(model: nn.Module, data: dict, box: Tensor, moving: bool) -> tuple[Tensor, Tensor]:
    """``L_S`` on a box in place of the localizer's, and its gradient (4,)."""
    box = box.clone().requires_grad_()
    model.localizer.rois, model.moving_target = boxes_to_rois([box[None]]), moving
    loss, _ = model.parse_losses(model(**data, mode='loss_segmentor'))
    (gradient,) = torch.autograd.grad(loss, box)
    return loss.detach(), gradient


def _best(proposed: Callable[[np.ndarray], np.ndarray], true: np.ndarray, start: np.ndarray):
    """Where the mean IoU is highest; it has no slope at places, so by coordinates."""
    return minimize(lambda x: -iou(proposed(x), true).mean(), start, method='Powell').x
