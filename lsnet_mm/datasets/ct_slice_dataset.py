import hashlib
from collections.abc import Sequence
from pathlib import Path

from mmseg.datasets import BaseSegDataset

from ..utils.colors import class_palette


class CTSliceDataset(BaseSegDataset):
    """What every dataset of axial CT slices shares: classes, slice records and a fingerprint.

    A subclass implements :meth:`split_files` and ``load_data_list`` and sets ``split`` before it
    calls this constructor.

    Attributes:
        name: Short name of the data, as it appears in result folders.
        split: The part that this dataset holds.
        facts: What its files do not say of the data, for whoever asks what a model was trained on:
            ``window`` (HU that became 0 and 255), ``spacing`` (row, column, slice) in mm,
            ``synthetic`` (True: no patients), ``source``. In training they compute nothing; a model
            of pictures is given scans in the ``window``.
    """

    METAINFO = dict(classes=('background', 'pancreas'), palette=class_palette(['pancreas']))
    facts: dict = {}

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) files of the split, sorted, whatever ``indices`` says."""
        raise NotImplementedError

    def sha256(self) -> str:
        """Fingerprint of the split: a hash over the sorted relative paths and the contents.

        It reads every file of the split, so call it once, when a result is written.

        Returns:
            str: 64 hexadecimal digits.
        """
        total = hashlib.sha256()
        for path in sorted(path for pair in self.split_files() for path in pair):
            total.update(path.relative_to(self.data_root).as_posix().encode() + b'\0')
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def slice_info(
        self, image: Path, mask: Path, case: str, slice_index: int, spacing: Sequence[float] | None
    ) -> dict:
        """The record of one slice, an element of ``data_list``, from which a pipeline starts.

        Args:
            image: Image or volume file.
            mask: Mask or label volume file.
            case: Case (patient) that the slice belongs to.
            slice_index: Its number within the case.
            spacing: (row, column, slice) in mm; None where it is not known.
        """
        values = {k: k for k in range(len(self.metainfo['classes']))}
        info = dict(img_path=str(image), seg_map_path=str(mask), case=case, slice_index=slice_index)
        info |= dict(spacing=spacing, label_map=self.label_map or values, data_root=self.data_root)
        return dict(info, reduce_zero_label=False, seg_fields=[])


def pair_files(images: dict[str, Path], masks: dict[str, Path]) -> dict[str, tuple[Path, Path]]:
    """Match images with masks: (image, mask) of each key, sorted by it.

    Args:
        images: Image file of each key.
        masks: Mask file of each key, in a folder beside that of its image.

    Raises:
        FileNotFoundError: If an image has no mask or a mask no image; up to five are named.
    """
    both = images.keys() & masks.keys()
    both = {key for key in both if images[key].parents[1] == masks[key].parents[1]}
    alone = [str(files[key]) for files in (images, masks) for key in sorted(files.keys() - both)]
    if alone:
        raise FileNotFoundError(
            f'{len(alone)} image(s) without mask or mask(s) without image: {", ".join(alone[:5])}. '
            'Add the missing ones under the same names, or remove these.'
        )
    return {key: (images[key], masks[key]) for key in sorted(both)}
