from pathlib import Path

import numpy as np

from ..volumes import Volume, VolumeError, public_name, read_nifti


def read_label(path: Path, classes: dict[str, int]) -> Volume:
    """Read a label volume and check its values.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.
        classes: Value of each class, background included.

    Returns:
        Volume: uint8.

    Raises:
        VolumeError: If the file is damaged or holds a value that is no class.
    """
    volume = read_nifti(path)
    # Nearly all of a label is background, slices without any class are told by a quick test.
    used = [k for k in range(volume.voxels.shape[2]) if volume.voxels[..., k].any()]
    part = volume.voxels[..., used[0] : used[-1] + 1] if used else volume.voxels[..., :1]
    allowed = sorted(classes.values())
    if part.dtype != np.uint8 or part.max() > max(allowed) or len(allowed) != max(allowed) + 1:
        wrong = np.setdiff1d(part, allowed)
        if wrong.size:
            found = ', '.join(f'{value:g}' for value in wrong[:5])
            fix = 'Divide it by 255' if 255 in wrong else 'Correct the label, or dataset.json'
            reason = f'label values must be {", ".join(map(str, allowed))}, found {found}'
            raise VolumeError(public_name(path), reason, fix)
    return Volume(volume.voxels.astype(np.uint8, copy=False), volume.affine)
