import json
from collections.abc import Callable, Iterable
from pathlib import Path

import nibabel as nib
import numpy as np

from ...preparation import contiguous_folds
from ...utils.files import replace_folder
from .case import ORGANS, make_case

LAYOUT = {'imagesTr', 'labelsTr', 'dataset.json', 'splits_final.json'}
FOLDS = 4


def write_prepared(
    out: str | Path,
    n_cases: int = 12,
    shape: tuple[int, int, int] = (128, 128, 24),
    seed: int = 0,
    organs: int = 1,
    overwrite: bool = False,
    track: Callable[[list[str]], Iterable[str]] = iter,
) -> Path:
    """Write phantoms in the prepared layout that ``PancreasCTDataset`` and nnU-Net read.

    Args:
        out: Folder to make; its parents are made too.
        n_cases: At least 4, one for each fold.
        shape: (X, Y, Z) voxels of a volume.
        seed: Of the whole set.
        organs: Classes besides the background: 1 is the pancreas, 2 adds the spleen.
        overwrite: Replace ``out`` where it holds a prepared data set and nothing else.
        track: Goes over the names of the cases, as ``rich.progress.track`` does.

    Returns:
        Path: ``out``.

    Raises:
        ValueError: If there are too few cases or the shape is too small.
        FileExistsError: If ``out`` is not empty and may not be replaced.
    """
    if n_cases < FOLDS:
        raise ValueError(f'write_prepared: {FOLDS} folds need {FOLDS} cases, got {n_cases}.')
    cases = [f'PANCREAS_{number:04d}' for number in range(1, n_cases + 1)]
    with replace_folder(out, 'prepared data set', LAYOUT, overwrite) as folder:
        (folder / 'imagesTr').mkdir()
        (folder / 'labelsTr').mkdir()
        for number, case in enumerate(track(cases), start=1):
            volume, label, spacing = make_case(seed, number, shape, organs)
            # Columns run to the patient's left and rows to the front, as in Pancreas-CT; NIfTI's
            # axes point to the right, the front and up.
            affine = np.diag([-spacing[0], spacing[1], spacing[2], 1.0])
            paths = (f'imagesTr/{case}_0000.nii', f'labelsTr/{case}.nii')
            for path, voxels in zip(paths, (volume, label), strict=True):
                image = nib.Nifti1Image(voxels, affine)
                image.header.set_xyzt_units('mm')
                nib.save(image, folder / path)
        description = {
            'name': 'phantom',
            'description': f'procedural abdominal CT, seed {seed}: no patient, no result',
            'channel_names': {'0': 'CT'},
            'labels': {name: value for value, name in enumerate(('background', *ORGANS[:organs]))},
            'numTraining': n_cases,
            'file_ending': '.nii',
        }
        folds = contiguous_folds(cases, FOLDS)
        for name, content in (('splits_final', folds), ('dataset', description)):
            (folder / f'{name}.json').write_text(json.dumps(content, indent=2) + '\n')
    return Path(out).resolve()
