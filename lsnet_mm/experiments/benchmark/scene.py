from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose

from ...datasets import BoxesFromMask
from ...volumes import ORIENTATION, Volume, read_nifti
from ..phantom import make_case

SMALLEST_DEPTH, LARGEST_DEPTH = 16, 64
# Objects closer than what a heatmap can tell apart are one, as in the configs.
BOXES = BoxesFromMask(merge_distance=80)


@dataclass(frozen=True, eq=False)
class Scene:
    """A volume to segment, and where its organ is.

    Attributes:
        volume: In HU, oriented as training data are.
        label: Likewise, 0 where there is nothing.
    """

    volume: Volume
    label: Volume

    @cached_property
    def organ_slices(self) -> np.ndarray:
        """Numbers of the slices that hold the organ."""
        return np.flatnonzero(self.label.voxels.any(axis=(0, 1)))

    def __len__(self) -> int:
        return self.volume.voxels.shape[2]

    @property
    def share(self) -> float:
        """Part of the slices that hold the organ."""
        return len(self.organ_slices) / len(self)

    def mask(self, number: int) -> np.ndarray:
        """(H, W) uint8, 1 where the organ is in a slice."""
        return np.ascontiguousarray(self.label.voxels[..., number].T > 0).astype(np.uint8)

    def boxes(self, number: int) -> torch.Tensor:
        """(n, 4) in pixels of a slice."""
        return torch.from_numpy(BOXES(dict(gt_seg_map=self.mask(number)))['gt_bboxes'])

    def packed(self, pipeline: Compose, number: int) -> dict:
        """A slice through a pipeline of ``slice_pipeline``."""
        x, y, z = self.volume.spacing
        info = dict(voxels=self.volume.voxels, slice_index=number, spacing=(y, x, z))
        return pipeline(dict(info, reduce_zero_label=False))


def phantom_scene(size: int, slices: int, share: float, seed: int = 0) -> Scene:
    """A procedural CT with the organ in a given part of its slices, which lie together.

    Slices repeat where the phantom has too few.

    Args:
        size: Width and height of a slice.
        slices: How many.
        share: Part of them that hold the organ, rounded to whole slices.
        seed: Of the phantom.

    Raises:
        ValueError: If there are no slices, or the share is none.
    """
    if slices < 1 or not 0 <= share <= 1:
        raise ValueError(f'got {slices} slices, {share} of them with an organ: give 1 or more, 0-1')
    depth = min(max(slices, SMALLEST_DEPTH), LARGEST_DEPTH)
    volume, label, spacing = make_case(seed, 1, (size, size, depth))
    held = label.any(axis=(0, 1))
    count = round(share * slices)
    before = (slices - count) // 2
    empty = np.resize(np.flatnonzero(~held), slices - count)
    organ = np.resize(np.flatnonzero(held), count)
    order = np.concatenate((empty[:before], organ, empty[before:]))
    affine = np.diag([-spacing[0], spacing[1], -spacing[2], 1.0])  # ORIENTATION
    scene = Volume(np.asfortranarray(volume[..., order]), affine)
    return Scene(scene, Volume(np.asfortranarray(label[..., order]), affine))


def read_scene(image: Path, label: Path) -> Scene:
    """A volume and its label from NIfTI files, or from folders of 8-bit slices.

    Raises:
        ValueError: If the label has another shape.
    """
    if image.is_dir():
        return _read_slices(image, label)
    volume, mask = (read_nifti(path).oriented(ORIENTATION) for path in (image, label))
    if volume.voxels.shape != mask.voxels.shape:
        raise ValueError(f'{label} is {mask.voxels.shape}, {image} is {volume.voxels.shape}')
    return Scene(volume, mask)


def _read_slices(images: Path, masks: Path) -> Scene:
    """Images and masks of one name and one size, stacked; grey values are taken as HU."""
    paths, of = _pictures(images), _pictures(masks)
    if not paths:
        raise ValueError(f'{images} has no .jpg or .png')
    if alone := sorted(paths.keys() - of.keys()):
        raise ValueError(f'{masks} has no mask of {paths[alone[0]].name}')
    stacks, shape = ([], []), None
    for stem in paths:
        for path, stack in zip((paths[stem], of[stem]), stacks, strict=True):
            grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            shape = shape or getattr(grey, 'shape', None)
            if grey is None or grey.shape != shape:
                raise ValueError(f'{path} cannot be read, or has another size than those before it')
            stack.append(grey.T)
    affine = np.diag([-1.0, 1.0, -1.0, 1.0])  # ORIENTATION
    image, label = (np.asfortranarray(np.stack(stack, axis=-1)) for stack in stacks)
    return Scene(Volume(image.astype(np.int16), affine), Volume(label, affine))


def _pictures(folder: Path) -> dict[str, Path]:
    """Files by their stems, in order."""
    suffixes = ('.jpg', '.jpeg', '.png')
    return {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in suffixes}
