import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from ...volumes import open_nifti


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
        """Read the slices, which are one contiguous block of the file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no uncompressed 3D volume or has no such slice.
        """
        path, index = results['img_path'], results['slice_index']
        volume = open_nifti(path)
        if not 0 <= index < volume.shape[2]:
            last = volume.shape[2] - 1
            raise ValueError(f'{path} has slices 0 to {last}, there is no {index}.')
        return self.take(results, volume.dataobj)

    def take(self, results: dict, voxels) -> dict:
        """Add the slice and its neighbours, out of anything that is cut like an array (X, Y, Z)."""
        index, count = results['slice_index'], voxels.shape[2]
        wanted = np.arange(index - self.neighbours, index + self.neighbours + 1).clip(0, count - 1)
        block = np.asarray(voxels[..., wanted[0] : wanted[-1] + 1])
        # In memory slice by slice, as tensors are: (slices, rows, columns) seen from behind.
        slices = np.ascontiguousarray(block.T[wanted - wanted[0]], np.float32)
        results['img'] = slices.transpose(1, 2, 0) if self.neighbours else slices[0]
        results['img_shape'] = results['ori_shape'] = slices.shape[1:]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(neighbours={self.neighbours})'
