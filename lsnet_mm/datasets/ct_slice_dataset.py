import hashlib
from pathlib import Path

from mmseg.datasets import BaseSegDataset


class CTSliceDataset(BaseSegDataset):
    """What every dataset of axial CT slices shares: classes, slice records and a fingerprint.

    A subclass implements :meth:`split_files` and ``load_data_list`` and sets ``split`` before it
    calls this constructor.

    Attributes:
        name: Short name of the data, as it appears in result folders.
        split: The part that this dataset holds.
    """

    METAINFO = dict(classes=('background', 'pancreas'), palette=[[0, 0, 0], [230, 60, 60]])

    name: str
    split: str

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) files of the split, sorted, whatever ``indices`` says."""
        raise NotImplementedError

    def sha256(self) -> str:
        """Fingerprint of the split: a hash over the sorted relative paths and the contents.

        It reads every file of the split, so call it once, when a result is written.

        Returns:
            str: 64 hexadecimal digits.
        """
        root = Path(self.data_root)
        files = sorted(path for pair in self.split_files() for path in pair)
        total = hashlib.sha256()
        for path in files:
            total.update(path.relative_to(root).as_posix().encode() + b'\0')
            total.update(_file_digest(path))
        return total.hexdigest()

    def slice_info(
        self,
        image: Path,
        mask: Path,
        case: str,
        slice_index: int,
        spacing: tuple[float, float, float] | None,
    ) -> dict:
        """The record of one slice from which a pipeline starts.

        Args:
            image: Image or volume file.
            mask: Mask or label volume file.
            case: Case (patient) that the slice belongs to.
            slice_index: Its number within the case.
            spacing: (row, column, slice) in mm; None where it is not known.

        Returns:
            dict: One element of ``data_list``.
        """
        return dict(
            img_path=str(image),
            seg_map_path=str(mask),
            case=case,
            slice_index=slice_index,
            spacing=spacing,
            label_map=self.label_map,
            reduce_zero_label=False,
            seg_fields=[],
        )


def existing_root(data_root: str | Path) -> Path:
    """``data_root`` as a path, or a FileNotFoundError that says what to set."""
    root = Path(data_root)
    if not root.is_dir():
        raise FileNotFoundError(
            f'data_root {root} does not exist. Set data_root to the folder of the data.'
        )
    return root


def pair_files(images: dict[str, Path], masks: dict[str, Path]) -> list[tuple[Path, Path]]:
    """Match images with masks by key.

    Args:
        images: Image file of each key.
        masks: Mask file of each key.

    Returns:
        list[tuple[Path, Path]]: (image, mask), sorted by key.

    Raises:
        FileNotFoundError: If an image has no mask or a mask no image; up to five are named.
    """
    for have, lack, kind, other in (
        (images, masks, 'image', 'mask'),
        (masks, images, 'mask', 'image'),
    ):
        alone = [str(have[key]) for key in sorted(have.keys() - lack.keys())]
        if alone:
            raise FileNotFoundError(
                f'{len(alone)} {kind}(s) without {other}: {", ".join(alone[:5])}. '
                f'Add the {other} under the same name or remove the {kind}.'
            )
    return [(images[key], masks[key]) for key in sorted(images)]


def _file_digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()
