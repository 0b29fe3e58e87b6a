from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..registry import DATASETS
from ..volumes import foreground_slices, open_nifti, slice_spacing
from .classes import check_classes, label_map, palette
from .ct_slice_dataset import CTSliceDataset, existing_root, pair_files
from .nnunet_layout import ENDING, fold_cases, read_description, read_folds

SLICES = ('all', 'foreground')


@DATASETS.register_module()
class PancreasCTDataset(CTSliceDataset):
    """Axial slices of prepared CT volumes in nnU-Net's layout, of the pancreas or of any organs.

    ::

        data_root/imagesTr/<case>_0000.nii    int16, HU
        data_root/labelsTr/<case>.nii         0 background, 1 pancreas, or as dataset.json says
        data_root/dataset.json                nnU-Net v2; its ``labels`` are the classes, its
                                              optional ``name`` names the data
        data_root/splits_final.json           a list of folds {"train": [case], "val": [case]}

    ``metainfo=dict(classes=('background', 'liver'))`` selects and orders classes; what is left
    out becomes background.

    Args:
        data_root: The prepared folder.
        split: A list of cases of the fold, ``'train'`` or ``'val'``, or ``'all'`` cases.
        fold: Which fold of ``splits_final.json``: its number from 0, or its name.
        slices: ``'all'`` slices, or the ``'foreground'`` ones, which hold a class. These are
            found by one pass over the labels at construction.
        empty_ratio: With ``'foreground'``: so many empty slices for each foreground slice are
            added, drawn from all empty ones of the split without replacement.
        seed: Of that draw: the same seed draws the same slices.
        metainfo: Of mmseg's ``BaseSegDataset``.
        **kwargs: Of ``BaseSegDataset``: ``pipeline``, ``indices``, ``test_mode``, ...

    Raises:
        FileNotFoundError: If the folder, one of its files or a case of the split is missing.
        ValueError: If an argument, a JSON file or a volume's shape is wrong, or nothing is left.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        fold: int | str = 0,
        slices: str = 'all',
        empty_ratio: float = 0.0,
        seed: int = 0,
        metainfo: dict | None = None,
        **kwargs,
    ):
        if slices not in SLICES:
            raise ValueError(f'slices must be one of {SLICES}, got {slices!r}.')
        if empty_ratio < 0 or (empty_ratio and slices == 'all'):
            raise ValueError(
                "empty_ratio must not be negative, and needs slices='foreground': 'all' has every "
                f'empty slice. Got empty_ratio={empty_ratio} and slices={slices!r}.'
            )
        self.split = split
        self.fold = fold
        self.slices = slices
        self.empty_ratio = empty_ratio
        self.seed = seed
        root = existing_root(data_root)
        name, self.label_names = read_description(root)
        ours = self.label_names == self.METAINFO['classes']
        self.name = name or ('pancreas_ct' if ours else root.resolve().name)
        metainfo = {'classes': self.label_names, **(metainfo or {})}
        check_classes(metainfo['classes'], self.label_names)
        metainfo.setdefault('palette', palette(metainfo['classes'], self.label_names))
        super().__init__(data_root=str(data_root), metainfo=metainfo, **kwargs)

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) volumes of the split, sorted by case."""
        root = existing_root(self.data_root)
        images = {p.name[: -len('_0000.nii')]: p for p in root.glob(f'imagesTr/*_0000{ENDING}')}
        masks = {p.name[: -len(ENDING)]: p for p in root.glob(f'labelsTr/*{ENDING}')}
        pairs = dict(zip(sorted(images), pair_files(images, masks), strict=True))
        if self.split == 'all':
            cases = sorted(pairs)
        else:
            path = root / 'splits_final.json'
            cases = fold_cases(read_folds(path), self.fold, self.split, path)
        if not cases:
            raise ValueError(f'split {self.split!r}, fold {self.fold} of {root} is empty.')
        missing = [case for case in cases if case not in pairs]
        if missing:
            raise FileNotFoundError(
                f'{root / "splits_final.json"} names cases that imagesTr/ does not hold: '
                f'{", ".join(missing[:5])}. Prepare the data again.'
            )
        return [pairs[case] for case in sorted(cases)]

    def load_data_list(self) -> list[dict]:
        """One record a slice, in the order of case and slice number."""
        foreground, empty = [], []
        for image, mask in self.split_files():
            volume, labels = open_nifti(image), open_nifti(mask)
            if volume.shape != labels.shape:
                raise ValueError(
                    f'{mask} is {labels.shape}, its image {volume.shape}. Prepare the case again.'
                )
            case, spacing = mask.name[: -len(ENDING)], slice_spacing(volume)
            numbers = range(volume.shape[2])
            held = set(numbers if self.slices == 'all' else self._foreground(mask))
            for k in numbers:
                info = self.slice_info(image, mask, case, k, spacing)
                (foreground if k in held else empty).append(info)
        if not foreground:
            raise ValueError(
                f'split {self.split!r} of {self.data_root} holds no '
                f'{" or ".join(self.metainfo["classes"][1:])}.'
            )
        count = min(round(self.empty_ratio * len(foreground)), len(empty))
        drawn = np.random.default_rng(self.seed).choice(len(empty), count, replace=False)
        infos = foreground + [empty[k] for k in drawn]
        return sorted(infos, key=lambda info: (info['case'], info['slice_index']))

    def get_label_map(self, new_classes: Sequence[str]) -> dict[int, int]:
        """From values in the label files to classes; see :func:`.classes.label_map`."""
        return label_map(new_classes, self.label_names)

    def _foreground(self, mask: Path) -> list[int]:
        kept = [value for value, new in self.label_map.items() if new]
        if len(kept) == len(self.label_names) - 1:
            return foreground_slices(mask)
        voxels = np.asanyarray(open_nifti(mask).dataobj)
        return [k for k in range(voxels.shape[2]) if np.isin(voxels[..., k], kept).any()]
