import re
from collections.abc import Collection, Sequence
from pathlib import Path

from PIL import Image

from ..registry import DATASETS
from ..utils.colors import class_palette
from .ct_slice_dataset import CTSliceDataset, pair_files
from .nnunet_layout import fold_cases, read_json

NAME = re.compile(r'(?P<case>.+)_(?P<slice_index>\d+)')
#: Modes of PIL whose pixels are bytes.
EIGHT_BITS = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'CMYK', 'YCbCr')
FACTS = ('window', 'spacing', 'synthetic', 'source')
SUFFIXES = {'images': ('.jpg', '.jpeg', '.png'), 'masks': ('.png',)}


@DATASETS.register_module()
class SliceFolderDataset(CTSliceDataset):
    """Folders of 2D slices with their masks.

    ::

        data_root/{split}/images/<case>_<number>.jpg (or .png)
        data_root/{split}/masks/<case>_<number>.png      0 background, 1 the first class, ...

    A name without a number is that of a case with one slice, number 0; with ``by_case=False`` each
    is, whatever its name. ``metainfo=dict(classes=
    ('background', 'liver', 'spleen'))`` names the values of masks in their order; by default they
    are 0 and 1, the pancreas.

    The spacing of such slices is unknown (None), so no score in millimetres can be had, whatever
    ``facts`` state.

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
        metainfo: Of mmseg's ``BaseSegDataset``.
        by_case: Take what is before the number of a name for the patient.
        facts: What such files cannot say, out of ``FACTS``; see :class:`CTSliceDataset`.
        **kwargs: Of mmseg's ``BaseSegDataset``: ``pipeline``, ``indices``, ``test_mode``, ...

    Raises:
        FileNotFoundError: If the folder, the split, a mask, an image or the file of folds is
            missing.
        ValueError: If an image has more than 8 bits, the split is empty, a slice is there twice,
            or folds and slices do not name the same cases.
    """

    def __init__(
        self,
        data_root: str,
        split: str | Sequence[str] = 'train',
        name: str = 'slices',
        folds: str | list | dict | None = None,
        fold: int | str | None = None,
        metainfo: dict | None = None,
        by_case: bool = True,
        facts: dict | None = None,
        **kwargs,
    ):
        if (folds is None) != (fold is None):
            raise ValueError(
                'SliceFolderDataset: folds (a file or a list) and fold (which of them) belong '
                f'together; got folds={folds!r:.60} and fold={fold!r}. Set both or neither.'
            )
        self.facts = dict(facts or {})
        if unknown := self.facts.keys() - set(FACTS):
            raise ValueError(
                f'SliceFolderDataset: facts may state {", ".join(FACTS)}; got {sorted(unknown)}.'
            )
        self.splits = (split,) if isinstance(split, str) else tuple(split)
        self.split = '+'.join(self.splits)
        self.name = name
        self.folds = folds
        self.fold = fold
        self.by_case = by_case
        metainfo = {'classes': self.METAINFO['classes'], **(metainfo or {})}
        metainfo.setdefault('palette', class_palette(metainfo['classes'][1:]))
        super().__init__(data_root=str(data_root), metainfo=metainfo, **kwargs)

    def get_label_map(self, new_classes: Sequence[str]) -> None:
        """None: masks hold the numbers of whatever classes the config names."""

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) files of the split, sorted by name."""
        root = Path(self.data_root)
        if not root.is_dir():
            raise FileNotFoundError(
                f'data_root {root} does not exist. Set data_root to the folder of the data.'
            )
        folders = [root / split for split in self.splits]
        if self.folds is not None:
            folders = sorted(path.parent for path in root.glob('*/images'))
        images, masks = (_files(folders, *kind) for kind in SUFFIXES.items())
        pairs = list(pair_files(images, masks).values())
        if self.folds is not None:
            wanted = self._fold_cases(root, {self._case(image)[0] for image in images.values()})
            pairs = [(image, mask) for image, mask in pairs if self._case(image)[0] in wanted]
        if not pairs:
            raise ValueError(
                f'split {self.split!r} of {root} is empty. Put slices into its images/ and masks/, '
                'or name another split or fold.'
            )
        return pairs

    def load_data_list(self) -> list[dict]:
        """One record a slice, in the order of the file names."""
        files = self.split_files()
        for image, mask in files:
            _check_image(image, EIGHT_BITS)
            _check_image(mask)
        slices: dict[tuple[str, int], Path] = {}
        for image, _ in files:
            other = slices.setdefault(self._case(image), image)
            if other != image:
                raise ValueError(f'{other} and {image} are the same slice. Rename one.')
        return [self.slice_info(image, mask, *self._case(image), None) for image, mask in files]

    def _case(self, image: Path) -> tuple[str, int]:
        """Case and number of a slice, by its name."""
        match = NAME.fullmatch(image.stem) if self.by_case else None
        return (match['case'], int(match['slice_index'])) if match else (image.stem, 0)

    def _fold_cases(self, root: Path, held: set[str]) -> set[str]:
        """The cases of the split, where the fold's lists name just those that are held."""
        folds, source = self.folds, "the config's folds"
        if isinstance(folds, str | Path):
            found = [path for path in (Path(folds), root / folds) if path.is_file()]
            if not found:
                raise FileNotFoundError(
                    f'{folds} does not exist, neither from here nor in {root}. Set folds to a JSON '
                    'file of folds, or to the list itself.'
                )
            folds, source = read_json(found[0], list, dict), found[0]
        wanted, known = fold_cases(folds, self.fold, self.splits, source)
        if known != held:
            raise ValueError(
                f'{source}: the lists of fold {self.fold!r} and the slices in {root} are not of '
                f'the same cases: only one has {", ".join(sorted(known ^ held)[:5])}. '
                'Correct the folds, or add or remove the slices.'
            )
        return set(wanted)


def _check_image(path: Path, modes: Collection[str] = ()) -> None:
    """By its header: decoded later, an empty file fails without its name, and 16 bits turn black.

    Raises:
        ValueError: If the file is no image, or not of one of some modes of PIL.
    """
    try:
        with Image.open(path) as image:
            # PIL gives colours of 16 bits as RGB, and says so only in how it would decode them.
            kind = '16 bits' if '16' in str([tile[3] for tile in image.tile]) else image.mode
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f'{path} is no image, or empty. Export the slice again.') from error
    if modes and kind not in modes:
        raise ValueError(
            f'{path} has pixels of more than 8 bits ({kind}), which would become black. Map a '
            'window of HU to 0..255 when you export slices, the same for all.'
        )


def _files(folders: Sequence[Path], kind: str, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files of one kind of some splits, by stem."""
    files: dict[str, Path] = {}
    for folder in (split / kind for split in folders):
        if not folder.is_dir():
            found = sorted(path.name for path in folder.parents[1].iterdir() if path.is_dir())
            raise FileNotFoundError(
                f'{folder} does not exist. A split holds images/ and masks/; there are: '
                f'{", ".join(found) or "none"}.'
            )
        for path in sorted(folder.iterdir()):
            hidden = path.name.startswith('.')  # as a Mac's ._ files beside every other
            if path.suffix.lower() in suffixes and not hidden and path.is_file():
                other = files.setdefault(path.stem, path)
                if other != path:
                    raise ValueError(f'{other} and {path} are the same slice. Remove one.')
    return files
