"""The volume that is segmented, and the oracle that answers for a net without weights."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from ...models.dense_heads.keypoint_coder import encode
from ...models.geometry import mask_to_box, scale_boxes
from ...models.localizers import LNet
from ...models.segmentors import TwoStageSegmentor
from ...volumes import ORIENTATION, Volume, read_nifti
from ..phantom import make_case


@dataclass(frozen=True, eq=False)
class Scene:
    """A volume to segment, in HU, and its label, 0 where there is no organ; both oriented as
    training data are."""

    volume: Volume
    label: Volume

    @cached_property
    def organ_slices(self) -> np.ndarray:
        """Numbers of the slices that hold the organ."""
        return np.flatnonzero(self.label.voxels.any(axis=(0, 1)))

    def __len__(self) -> int:
        return self.volume.voxels.shape[2]

    def mask(self, number: int) -> np.ndarray:
        """(H, W) uint8, 1 where the organ is in a slice."""
        return np.ascontiguousarray(self.label.voxels[..., number].T > 0).astype(np.uint8)


def phantom_scene(size: int, slices: int, share: float) -> Scene:
    """A procedural CT with the organ in a given part of its slices, which lie together.

    Args:
        size: Width and height of a slice.
        slices: How many; they repeat where the phantom has too few.
        share: Part of them that hold the organ, rounded to whole slices, one at least.
    """
    volume, label, spacing = make_case(0, 1, (size, size, min(max(slices, 16), 64)))
    held = label.any(axis=(0, 1))
    count = max(round(share * slices), 1)
    empty = np.resize(np.flatnonzero(~held), slices - count)
    organ = np.resize(np.flatnonzero(held), count)
    order = np.insert(empty, len(empty) // 2, organ)
    affine = np.diag([-spacing[0], spacing[1], -spacing[2], 1.0])  # ORIENTATION
    return Scene(*(Volume(np.asfortranarray(v[..., order]), affine) for v in (volume, label)))


def read_scene(image: Path, label: Path) -> Scene:
    """A volume and its label from NIfTI files.

    Raises:
        ValueError: If they differ in shape, or there is no organ.
    """
    volume, mask = (read_nifti(path).oriented(ORIENTATION) for path in (image, label))
    if volume.voxels.shape != mask.voxels.shape:
        raise ValueError(f'{label} is {mask.voxels.shape}, {image} is {volume.voxels.shape}')
    if not mask.voxels.any():
        raise ValueError(f'{label} is empty: there is nothing to find, or to train on')
    return Scene(volume, mask)


def predict_by_oracle(model: TwoStageSegmentor, scene: Scene) -> None:
    """Lets a model find what is in the slices of a scene: the box around the label, and its mask.

    All of the model runs, and only then its answers are exchanged, so that crops are segmented and
    pasted where there is an organ, and nowhere else. Of L-Net the heatmap is exchanged, too, which
    says on what slices its other branches run. The answers are those of a net without mistakes; a
    real one finds more or fewer boxes and may need more rounds. Training is as without.
    """
    device, localizer = next(model.parameters()).device, model.localizer
    labels = [torch.from_numpy(scene.mask(k)).to(device) for k in range(len(scene))]
    predict, write, numbers = localizer.predict, model.write_result, []

    @cache
    def box(number: int, size: tuple[int, int]) -> Tensor:
        return scale_boxes(mask_to_box(labels[number]), labels[number].shape, size)

    def predict_boxes(inputs: Tensor, samples: list) -> list[InstanceData]:
        numbers[:] = [sample.slice_index for sample in samples]
        predict(inputs, samples)
        boxes = [box(number, tuple(inputs.shape[-2:])) for number in numbers]
        return [InstanceData(bboxes=b, scores=b.new_ones(len(b))) for b in boxes]

    def write_result(sample, probs: Tensor, found: InstanceData) -> None:
        write(sample, probs, found)
        if len(found.bboxes):
            sample.pred_sem_seg = PixelData(data=labels[sample.slice_index][None])

    localizer.predict, model.write_result = predict_boxes, write_result
    if isinstance(localizer, LNet):
        head, by_heatmaps = localizer.head, localizer.head.predict_with_heatmaps

        @cache
        def heatmap(number: int, cells: tuple[int, int]) -> Tensor:
            size = cells[0] * head.stride, cells[1] * head.stride
            return encode(box(number, size), cells, head.stride)[0][None].logit(1e-4)

        def with_true_heatmaps(heatmaps: Tensor, *args) -> list[InstanceData]:
            true = [heatmap(number, tuple(heatmaps.shape[-2:])) for number in numbers]
            return by_heatmaps(torch.stack(true).to(heatmaps), *args)

        head.predict_with_heatmaps = with_true_heatmaps
