"""Where the second stage's loss sends a box: towards the true one, or elsewhere."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from unittest.mock import patch

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...models.geometry import boxes_to_rois, mask_to_box, scale_boxes
from ...utils.resizing import resize_labels

ERRORS = (0.1, 0.3, 0.6)


def box_gradient(
    model: nn.Module, dataset: Dataset, errors: Sequence[float] = ERRORS, seed: int = 0
) -> dict[str, object]:
    """How often a step down ``L_S`` leads a wrong box towards the true one.

    Each edge of a slice's true box is moved at random, at most by ``error`` times the box's side.
    The gradient is what ``loss_segmentor`` sends to the proposal. A step leads to the true box
    where its cosine with the way there is above 0; by chance that is half of them.

    Args:
        model: A trained ``LSNet``; it is used in evaluation.
        dataset: Slices with their masks; empty ones are passed over.
        errors: As shares of the box's sides.
        seed: Of the errors, the same for each target.

    Returns:
        dict: ``slices``, their number, and ``errors``: for each the share of steps that lead to the
        true box by a target that moves with it and by a fixed one, and the share of boxes that the
        loss itself puts behind the true one.
    """
    model.eval()
    cases = [case for k in range(len(dataset)) if (case := _case(model, dataset[k]))]
    result = {}
    for error in errors:
        rng = np.random.default_rng(seed)
        shares = {'moving': [], 'fixed': [], 'loss': []}
        for data, true in cases:
            sides = (true[2:] - true[:2]).repeat(2)
            moves = torch.from_numpy(rng.uniform(-error, error, 4)).to(sides) * sides
            for target in ('moving', 'fixed'):
                loss, gradient = _loss(model, data, true + moves, target == 'moving')
                shares[target].append(float(gradient @ moves) > 0)
                if target == 'moving':
                    shares['loss'].append(float(_loss(model, data, true, True)[0]) < float(loss))
        result[str(error)] = {name: float(np.mean(hits)) for name, hits in shares.items()}
    return {'slices': len(cases), 'errors': result}


def _case(model: nn.Module, sample: dict) -> tuple[dict, Tensor] | None:
    """A slice as the model takes it, and its true box in pixels that the localizer sees."""
    data = model.data_preprocessor(pseudo_collate([sample]), False)
    size, mask = data['inputs'].shape[-2:], data['data_samples'][0].gt_sem_seg.data[0]
    box = mask_to_box((mask > 0) & (mask != 255))
    # Data sets for scoring keep masks at their own size, and the loss takes them at the image's.
    labels = torch.from_numpy(resize_labels(mask.numpy().astype(np.uint8), size[::-1]))
    data['data_samples'][0].gt_sem_seg = PixelData(data=labels[None].long())
    return (
        (data, scale_boxes(box, mask.shape, model.localizer_size or size)[0]) if len(box) else None
    )


def _loss(model: nn.Module, data: dict, box: Tensor, moving: bool) -> tuple[Tensor, Tensor]:
    """``L_S`` on a box in place of the localizer's, and its gradient (4,)."""
    box = box.clone().requires_grad_()
    with _proposing(model, boxes_to_rois([box[None]]), moving):
        loss, _ = model.parse_losses(model(**data, mode='loss_segmentor'))
    (gradient,) = torch.autograd.grad(loss, box)
    return loss.detach(), gradient


def _proposing(model: nn.Module, rois: Tensor, moving: bool) -> AbstractContextManager:
    """Within it the localizer proposes these RoIs, and the gradient comes to them undiminished."""
    stack = ExitStack()
    stack.enter_context(patch.object(model.localizer, 'propose', lambda *args: rois))
    stack.enter_context(patch.multiple(model, gamma=1.0, roi_mixing=None, moving_target=moving))
    return stack


def markdown(results: dict[str, dict]) -> str:
    """Results by name as a table, in percent."""
    errors = [f'{float(error):.0%}' for error in next(iter(results.values()))['errors']]
    names = {
        'moving': 'moving target',
        'fixed': 'fixed target',
        'loss': 'the loss prefers the true box',
    }
    lines = ['| S-Net of | slices | at errors of | ' + ' | '.join(names.values()) + ' |']
    lines.append('| --- | ---: | --- | ' + ' | '.join(['---:'] * len(names)) + ' |')
    for name, result in results.items():
        columns = [
            ', '.join(f'{100 * shares[key]:.0f}' for shares in result['errors'].values())
            for key in names
        ]
        cells = (name, str(result['slices']), ', '.join(errors), *columns)
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
