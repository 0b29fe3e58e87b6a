"""Slices and their masks, from files or from a volume in memory, on the grid of a net."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform, Resize
from PIL import Image

from ...registry import TRANSFORMS
from ...utils.layout import value_fix
from ...utils.resizing import resize_labels
from ...volumes import NIFTI, open_nifti, read_slice


@TRANSFORMS.register_module()
class LoadCTSlice(BaseTransform):
    """Load one slice of an uncompressed NIfTI volume in HU, alone or with its neighbours (2.5D).

    Required keys: ``img_path``, ``slice_index``. Added keys: ``img`` float32 in HU, (H, W) or with
    neighbours (H, W, 2 * neighbours + 1), ``img_shape`` and ``ori_shape`` (H, W).

    Args:
        neighbours: So many slices on each side become channels, in the order of the volume, the
            slice itself in the middle. Beyond an end the slice at the end is repeated.
    """

    def __init__(self, neighbours: int = 0) -> None:
        if neighbours < 0:
            raise ValueError(f'LoadCTSlice: neighbours must not be negative, got {neighbours}.')
        self.neighbours = neighbours

    def transform(self, results: dict) -> dict:
        """Take the slices, which are one contiguous block of the file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no uncompressed 3D volume or has no such slice.
        """
        index, voxels = results['slice_index'], self._voxels(results)
        wanted = np.arange(index - self.neighbours, index + self.neighbours + 1)
        wanted = wanted.clip(0, voxels.shape[2] - 1)
        block = np.asarray(voxels[..., wanted[0] : wanted[-1] + 1])
        # In memory slice by slice, as tensors are: (slices, rows, columns) seen from behind.
        slices = np.ascontiguousarray(block.T[wanted - wanted[0]], np.float32)
        results['img'] = slices.transpose(1, 2, 0) if self.neighbours else slices[0]
        results['img_shape'] = results['ori_shape'] = slices.shape[1:]
        return results

    def _voxels(self, results: dict):
        """Anything that is cut like an array (X, Y, Z)."""
        path, index = results['img_path'], results['slice_index']
        volume = open_nifti(path)
        if index not in range(volume.shape[2]):
            raise ValueError(f'{path} has {volume.shape[2]} slices from 0 on, there is no {index}.')
        return volume.dataobj


@TRANSFORMS.register_module()
class CTSliceFromMemory(LoadCTSlice):
    """What :class:`LoadCTSlice` does, for a volume that is in memory already.

    Required keys: ``voxels`` (X, Y, Z) in HU, ``slice_index``. Arguments and added keys are
    those of :class:`LoadCTSlice`.
    """

    def _voxels(self, results: dict) -> np.ndarray:
        return results['voxels']


@TRANSFORMS.register_module()
class HUWindow(BaseTransform):
    """Map a window of HU linearly to [0, 255] and clip what lies outside.

    The range is that of an 8-bit image, so what follows (data preprocessor, photometric
    transforms, visualizers) is the same for volumes and for image files. No value is rounded.

    Required and modified key: ``img`` (H, W) or (H, W, C), from HU to float32 in [0, 255].

    Args:
        window: Lower and upper end in HU. The default is that of the coarse-to-fine literature on
            Pancreas-CT; [-125, 275] is the other habit.
    """

    def __init__(self, window: Sequence[float] = (-100.0, 240.0)) -> None:
        low, high = window
        if not low < high:
            raise ValueError(f'HUWindow: window must be (low, high) in HU, got {tuple(window)}.')
        self.window = (float(low), float(high))

    def transform(self, results: dict) -> dict:
        """Window the image."""
        low, high = self.window
        grey = (results['img'].astype(np.float32) - low) * (255.0 / (high - low))
        results['img'] = np.clip(grey, 0.0, 255.0, out=grey)
        return results


@TRANSFORMS.register_module()
class GreySliceFromMemory(HUWindow):
    """A slice of a volume in memory, as ``LoadImageFromFile`` would give it from an 8-bit file.

    Required keys: ``voxels`` (X, Y, Z) in HU, ``slice_index``. Added keys: ``img`` (H, W, 3) or
    (H, W), ``img_shape`` and ``ori_shape`` (H, W).

    Args:
        window: HU that became 0 and 255 when the files were made.
        to_float32: As in ``LoadImageFromFile``; else the image is uint8.
        color_type: As in ``LoadImageFromFile``: ``'color'`` for three equal channels,
            ``'grayscale'`` for none.
    """

    def __init__(
        self,
        window: Sequence[float] = (0, 255),
        to_float32: bool = False,
        color_type: str = 'color',
    ) -> None:
        super().__init__(window)
        self.to_float32 = to_float32
        self.color_type = color_type

    def transform(self, results: dict) -> dict:
        """Take the slice, clip it to the window and round it."""
        voxels = results['voxels'][..., results['slice_index']].T
        grey = np.rint(super().transform(dict(img=voxels))['img'])
        grey = grey.astype(np.float32 if self.to_float32 else np.uint8)
        results['img'] = grey if self.color_type == 'grayscale' else np.dstack([grey] * 3)
        results['img_shape'] = results['ori_shape'] = grey.shape
        return results


@TRANSFORMS.register_module()
class ResizeSlice(Resize):
    """Resize image and masks to a size, so that they stay on one grid.

    The image is that of MMCV's ``Resize(keep_ratio=False)``, whose masks are displaced by up to
    half a pixel; here they are resized by ``lsnet_mm.utils.resizing.resize_labels``.

    Required key: ``img``. Modified keys: ``img``, the masks of ``seg_fields`` if there are any,
    ``gt_bboxes`` if there, ``img_shape``. Added keys: ``scale`` and ``scale_factor`` (w, h),
    ``keep_ratio``.

    Args:
        scale: (width, height) in pixels.
        interpolation: Of the image. The default averages what a pixel covers, as ``'bilinear'``
            does not where an image shrinks by more than half.
    """

    def __init__(self, scale: tuple[int, int], interpolation: str = 'area') -> None:
        super().__init__(scale=tuple(scale), keep_ratio=False, interpolation=interpolation)

    def _resize_seg(self, results: dict) -> None:
        for key in results.get('seg_fields', []):
            results[key] = resize_labels(results[key], self.scale)


@TRANSFORMS.register_module()
class LoadCTMask(BaseTransform):
    """Load a slice's mask from a ``.png`` file or from a slice of a ``.nii`` volume, and check it.

    Required keys: ``seg_map_path``, ``ori_shape``, ``label_map``, ``seg_fields``, and
    ``slice_index`` for volumes. Added keys: ``gt_seg_map`` (H, W) uint8.

    The mask is compared with ``ori_shape``, so it may be loaded before the image is resized
    (training: both are resized) or after (test: the mask keeps its original size). An image
    without ``seg_map_path``, as inferencers give it, passes through.

    The dataset's ``label_map`` says which values may occur and what they become; without one they
    are 0 and 1.
    """

    def transform(self, results: dict) -> dict:
        """Load and check.

        Raises:
            ValueError: If the mask has another size than its image, more than one channel, or
                values that are no class.
        """
        path = results.get('seg_map_path')
        if path is None:
            return results
        volume = NIFTI.search(str(path))
        mask = read_slice(path, results['slice_index']) if volume else _read_png(path)
        expected = tuple(results['ori_shape'][:2])
        if mask.shape != expected:
            raise ValueError(
                f'{path}: the mask is {mask.shape}, its image {results["img_path"]} is {expected} '
                '(rows, columns). Export both at the same size.'
            )
        label_map = results.get('label_map') or {0: 0, 1: 1}
        mapped, known = np.zeros(mask.shape, np.uint8), np.zeros(mask.shape, bool)
        for old, new in label_map.items():
            here = mask == old
            known |= here
            np.putmask(mapped, here, new)
        if not known.all():
            wrong = np.unique(mask[~known])
            fix = value_fix(mask[known], wrong)
            raise ValueError(
                f'{path}: mask values must be in {sorted(label_map)}, found '
                f'{wrong[:5].tolist()}.{f" {fix}." if fix else ""}'
            )
        results['gt_seg_map'] = mapped
        results['seg_fields'].append('gt_seg_map')
        return results


def _read_png(path: str) -> np.ndarray:
    """(H, W) values of a grey or palette PNG; OpenCV would turn a palette into colours."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} does not exist. Every image needs its mask.')
    mask = np.asarray(Image.open(path))
    if mask.ndim != 2:
        raise ValueError(
            f'{path}: a mask has one channel, got shape {mask.shape}. Save it as 8-bit grey.'
        )
    return mask
