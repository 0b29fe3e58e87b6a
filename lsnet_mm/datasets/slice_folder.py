import re
from collections.abc import Sequence
from pathlib import Path

from ..registry import DATASETS
from .ct_slice_dataset import CTSliceDataset, existing_root, pair_files
from .nnunet_layout import fold_cases, pick_fold, read_folds

NAME = re.compile(r'(?P<case>.+)_(?P<slice_index>\d+)')
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')
MASK_SUFFIXES = ('.png',)


@DATASETS.register_module()
class SliceFolderDataset(CTSliceDataset):
    """Folders of 2D slices with their masks.

    ::

        data_root/{split}/images/<case>_<number>.jpg (or .png)
        data_root/{split}/masks/<case>_<number>.png      0 background, 1 pancreas

    The spacing of such slices is unknown (None), so no score in millimetres can be had.

    With ``folds`` the slices of all such folders are one pool, which the fold divides by case.

    Args:
        data_root: Folder of the splits.
        split: Name of a folder in it, such as ``'train'`` or ``'val'``; with ``folds`` of a list of
            cases of the fold. Several names are pooled.
        name: Short name of the data for result folders.
        folds: Divisions of all cases in the form of nnU-Net's ``splits_final.json``, a list of
            ``{"train": [case], "val": [case]}``: the list itself, or a file, relative to the
            current folder or to ``data_root``.
        fold: Which of them, from 0.
        **kwargs: Of mmseg's ``BaseSegDataset``: ``pipeline``, ``indices``, ``test_mode``, ...

    Raises:
        FileNotFoundError: If the folder, the split, a mask, an image or the file of folds is
            missing.
        ValueError: If the split is empty, a file name does not follow the pattern, a slice is there
            twice, or folds and slices do not name the same cases.
    """

    def __init__(
        self,
        data_root: str,
        split: str | Sequence[str] = 'train',
        name: str = 'slices',
        folds: str | list | dict | None = None,
        fold: int | str | None = None,
        **kwargs,
    ):
        if (folds is None) != (fold is None):
            raise ValueError(
                'SliceFolderDataset: folds (a file or a list) and fold (which of them) belong '
                f'together; got folds={folds!r:.60} and fold={fold!r}. Set both or neither.'
            )
        self.splits = (split,) if isinstance(split, str) else tuple(split)
        if not self.splits:
            raise ValueError('SliceFolderDataset: split names nothing. Set it to one name or more.')
        self.split = '+'.join(self.splits)
        self.name = name
        self.folds = folds
        self.fold = fold
        super().__init__(data_root=str(data_root), **kwargs)

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) files of the split, sorted by name."""
        root = existing_root(self.data_root)
        if self.folds is not None:
            return self._fold_files(root)
        for split in self.splits:
            if not (root / split).is_dir():
                found = sorted(path.name for path in root.iterdir() if path.is_dir())
                raise FileNotFoundError(
                    f'{root} has no split {split!r}. Its folders: {", ".join(found) or "none"}.'
                )
        pairs = _pool([root / split for split in self.splits])
        if not pairs:
            raise ValueError(
                f'split {self.split!r} of {root} is empty. Put slices into its images/ and masks/.'
            )
        return pairs

    def _fold_files(self, root: Path) -> list[tuple[Path, Path]]:
        """Of all folders' slices those whose case is in the fold's lists."""
        folds, source = self._read_folds(root)
        pairs = _pool(sorted(path.parent for path in root.glob('*/images')))
        held = {_case(image)[0] for image, _ in pairs}
        known = {case for cases in pick_fold(folds, self.fold, source).values() for case in cases}
        for cases, problem in (
            (known - held, f'names cases without slices in {root}'),
            (held - known, f'has no list for cases with slices in {root}'),
        ):
            if cases:
                raise ValueError(
                    f'{source}: fold {self.fold!r} {problem}: {", ".join(sorted(cases)[:5])}. '
                    'Correct the folds, or add or remove the slices.'
                )
        lists = (fold_cases(folds, self.fold, split, source) for split in self.splits)
        wanted = {case for cases in lists for case in cases}
        files = [pair for pair in pairs if _case(pair[0])[0] in wanted]
        if not files:
            raise ValueError(f'split {self.split!r} of fold {self.fold!r} of {source} is empty.')
        return files

    def _read_folds(self, root: Path) -> tuple[list | dict, str]:
        """The folds, and where they stand."""
        if not isinstance(self.folds, (str, Path)):
            return self.folds, "the config's folds"
        path = Path(self.folds)
        if not path.is_file() and (root / path).is_file():
            path = root / path
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} does not exist, neither from here nor in {root}. Set folds to a JSON file '
                'of folds, or to the list itself.'
            )
        return read_folds(path), str(path)

    def load_data_list(self) -> list[dict]:
        """One record a slice, in the order of the file names."""
        return [
            self.slice_info(image, mask, *_case(image), spacing=None)
            for image, mask in self.split_files()
        ]


def _case(image: Path) -> tuple[str, int]:
    """Case and number of a slice, by its name."""
    match = NAME.fullmatch(image.stem)
    if match is None:
        raise ValueError(
            f'{image} does not follow <case>_<number>{image.suffix}. Rename the slice.'
        )
    return match['case'], int(match['slice_index'])


def _pool(folders: Sequence[Path]) -> list[tuple[Path, Path]]:
    """The (image, mask) files of some folders, sorted by name."""
    pool: dict[str, tuple[Path, Path]] = {}
    for folder in dict.fromkeys(folders):
        images = _files(folder / 'images', IMAGE_SUFFIXES)
        for image, mask in pair_files(images, _files(folder / 'masks', MASK_SUFFIXES)):
            if image.stem in pool:
                raise ValueError(
                    f'{pool[image.stem][0]} and {image} are the same slice. Remove one.'
                )
            pool[image.stem] = image, mask
    return [pool[stem] for stem in sorted(pool)]


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
