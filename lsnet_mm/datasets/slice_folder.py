import re
from pathlib import Path

from mmengine.registry import DATASETS

from .ct_slice_dataset import CTSliceDataset, existing_root, pair_files

NAME = re.compile(r'(?P<case>.+)_(?P<slice_index>\d+)')
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')
MASK_SUFFIXES = ('.png',)


@DATASETS.register_module()
class SliceFolderDataset(CTSliceDataset):
    """A folder of 2D slices with their masks.

    ::

        data_root/{split}/images/<case>_<number>.jpg (or .png)
        data_root/{split}/masks/<case>_<number>.png      0 background, 1 pancreas

    The spacing of such slices is unknown (None), so no score in millimetres can be had.

    Args:
        data_root: Folder of the splits.
        split: Name of a folder in it, such as ``'train'`` or ``'val'``.
        name: Short name of the data for result folders.
        **kwargs: Of mmseg's ``BaseSegDataset``: ``pipeline``, ``indices``, ``test_mode``, ...

    Raises:
        FileNotFoundError: If the folder, the split, a mask or an image is missing.
        ValueError: If the split is empty or a file name does not follow the pattern.
    """

    def __init__(self, data_root: str, split: str = 'train', name: str = 'slices', **kwargs):
        self.split = split
        self.name = name
        super().__init__(data_root=str(data_root), **kwargs)

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) files of the split, sorted by name."""
        root = existing_root(self.data_root)
        if not (root / self.split).is_dir():
            found = sorted(path.name for path in root.iterdir() if path.is_dir())
            raise FileNotFoundError(
                f'{root} has no split {self.split!r}. Its folders: {", ".join(found) or "none"}.'
            )
        images = _files(root / self.split / 'images', IMAGE_SUFFIXES)
        masks = _files(root / self.split / 'masks', MASK_SUFFIXES)
        if not images and not masks:
            raise ValueError(
                f'split {self.split!r} of {root} is empty. Put slices into its images/ and masks/.'
            )
        return pair_files(images, masks)

    def load_data_list(self) -> list[dict]:
        """One record a slice, in the order of the file names."""
        infos = []
        for image, mask in self.split_files():
            match = NAME.fullmatch(image.stem)
            if match is None:
                raise ValueError(
                    f'{image} does not follow <case>_<number>{image.suffix}. Rename the slice.'
                )
            case, number = match['case'], int(match['slice_index'])
            infos.append(self.slice_info(image, mask, case, number, spacing=None))
        return infos


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files of a folder with one of these suffixes, by stem."""
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} does not exist. A split holds images/ and masks/.')
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes:
            continue
        if path.stem in files:
            raise ValueError(f'{files[path.stem]} and {path} are the same slice. Remove one.')
        files[path.stem] = path
    return files
