"""Phantom downloads and what the preparing tool makes of them."""

from argparse import Namespace
from pathlib import Path

import nibabel as nib
import pydicom

from lsnet_mm.preparation import find_pancreas_ct
from lsnet_mm.preparation.command import run


def prepare_download(download: Path, out: Path, workers: int = 1) -> int:
    """What tools/prepare_pancreas_ct.py does; its exit code."""
    args = Namespace(source=download, out=out, workers=workers)
    return run(args, find_pancreas_ct)


def tree(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder."""
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


class Download:
    """Two phantoms as TCIA delivers them; the first is there to be damaged."""

    def __init__(self, root: Path):
        self.root = root
        self.files = sorted(root.rglob('PANCREAS_0001/**/*.dcm'))
        self.label = next(root.rglob('label0001.nii.gz'))

    def edit(self, index: int, **values) -> None:
        """Set elements of a slice; None removes one."""
        data = pydicom.dcmread(self.files[index])
        for keyword, value in values.items():
            if value is None:
                delattr(data, keyword)
            else:
                setattr(data, keyword, value)
        data.save_as(self.files[index])

    def move(self, indices, change) -> None:
        """Replace the positions of slices by a function of them."""
        for index in indices:
            position = pydicom.dcmread(self.files[index]).ImagePositionPatient
            self.edit(index, ImagePositionPatient=change(*map(float, position)))

    def remove_images(self) -> None:
        for path in self.files:
            path.unlink()

    def edit_label(self, change) -> None:
        """Replace the label's voxels by a function of them."""
        image = nib.load(self.label)
        voxels = change(image.get_fdata()).astype('uint8')
        nib.save(nib.Nifti1Image(voxels, image.affine), self.label)
