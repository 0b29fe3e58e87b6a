from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..registry import DATASETS
from ..utils.colors import class_palette
from ..volumes import check_hu, open_nifti
from .ct_slice_dataset import CTSliceDataset, pair_files
from .nnunet_layout import ENDING, fold_cases, read_description, read_json

#: Slices of a volume that tell whether it is in HU.
LOOKED_AT = 16


@DATASETS.register_module()
class PancreasCTDataset(CTSliceDataset):
    """Axial slices of prepared CT volumes in nnU-Net's layout, of the pancreas or of any organs.

    ::

        data_root/imagesTr/<case>_0000.nii    int16, HU
        data_root/labelsTr/<case>.nii         0 background, 1 pancreas, or as dataset.json says
        data_root/dataset.json                nnU-Net v2; its "labels" are the classes, its
                                              optional "name" names the data
        data_root/splits_final.json           a list of folds {"train": [case], "val": [case]}

    ``metainfo=dict(classes=('background', 'liver'))`` selects and orders classes; what is left
    out becomes background.

    Args:
        data_root: The prepared folder.
        split: A list of cases of the fold, ``'train'`` or ``'val'``, or ``'all'`` cases.
        fold: Which fold of ``splits_final.json``: its number from 0, or its name.
        slices: ``'all'`` slices, or the ``'foreground'`` ones, which hold a class. These are
            found by one pass over the labels at construction.
        empty_ratio: With ``'foreground'``: this many empty slices for each foreground slice are
            added, drawn from all empty ones of the split without replacement.
        seed: Of that draw: the same seed draws the same slices.
        assume_hu: Take voxels for HU even if they do not look so. Where a preparation has left its
            report (``preparation.json``), it has looked, and nothing is looked at here.
        metainfo: Of mmseg's ``BaseSegDataset``.
        **kwargs: Of ``BaseSegDataset``: ``pipeline``, ``indices``, ``test_mode``, ...

    Raises:
        FileNotFoundError: If the folder, one of its files or a case of the split is missing.
        ValueError: If an argument, a JSON file or a volume's shape is wrong, a volume is not in HU,
            or nothing is left.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        fold: int | str = 0,
        slices: str = 'all',
        empty_ratio: float = 0.0,
        seed: int = 0,
        assume_hu: bool = False,
        metainfo: dict | None = None,
        **kwargs,
    ):
        if slices not in ('all', 'foreground'):
            raise ValueError(f"slices must be 'all' or 'foreground', got {slices!r}.")
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
        root = Path(data_root)
        self.looks = not assume_hu and not (root / 'preparation.json').is_file()
        name, self.label_names, self.facts = read_description(root)
        ours = self.label_names == self.METAINFO['classes']
        self.name = name or ('pancreas_ct' if ours else root.resolve().name)
        metainfo = {'classes': self.label_names, **(metainfo or {})}
        metainfo.setdefault('palette', self._palette(metainfo['classes']))
        super().__init__(data_root=str(data_root), metainfo=metainfo, **kwargs)

    def _palette(self, classes: Sequence[str]) -> list[list[int]]:
        """RGB of each class, the same whatever others are selected."""
        known = self.label_names[1:]
        twice = len(set(classes)) < len(classes)
        if len(classes) < 2 or classes[0] != 'background' or twice or {*classes[1:]} - {*known}:
            raise ValueError(
                f"classes must be 'background' and then some of {known}, each once, "
                f'got {tuple(classes)}.'
            )
        colors = class_palette(known)
        return [colors[self.label_names.index(name)] for name in classes]

    def get_label_map(self, new_classes: Sequence[str]) -> dict[int, int]:
        """From values in the label files to classes; what is left out is background.

        mmseg would have it ignored. But an organ that nobody asked for is background, and a net
        that takes it for another must lose by it.
        """
        place = {name: k for k, name in enumerate(new_classes)}
        return {value: place.get(name, 0) for value, name in enumerate(self.label_names)}

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) volumes of the split, sorted by case."""
        root = Path(self.data_root)
        images = {p.name[: -len('_0000.nii')]: p for p in root.glob(f'imagesTr/[!.]*_0000{ENDING}')}
        masks = {p.name[: -len(ENDING)]: p for p in root.glob(f'labelsTr/[!.]*{ENDING}')}
        pairs, path = pair_files(images, masks), root / 'splits_final.json'
        cases = list(pairs)
        if self.split != 'all':
            cases, _ = fold_cases(read_json(path, list, dict), self.fold, [self.split], path)
        if not cases:
            raise ValueError(f'split {self.split!r}, fold {self.fold} of {root} is empty.')
        missing = [case for case in cases if case not in pairs]
        if missing:
            raise FileNotFoundError(
                f'{path} names cases that imagesTr/ does not hold: {", ".join(missing[:5])}. '
                'Prepare the data again.'
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
            if self.looks:  # at some slices: their shares of fat and air are those of all
                check_hu(volume.dataobj[..., :: -(-volume.shape[2] // LOOKED_AT)], str(image))
            case = mask.name[: -len(ENDING)]
            x, y, z = (float(size) for size in volume.header.get_zooms())
            numbers = range(volume.shape[2])
            held = set(numbers if self.slices == 'all' else self._foreground(mask))
            for k in numbers:
                info = self.slice_info(image, mask, case, k, (y, x, z))
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

    def _foreground(self, mask: Path) -> list[int]:
        kept = [value for value, new in self.label_map.items() if new]
        every_class = len(kept) == len(self.label_names) - 1
        # A memory map: the volume passes through memory slice by slice, never whole.
        slices = enumerate(np.moveaxis(np.asanyarray(open_nifti(mask).dataobj), 2, 0))
        return [k for k, one in slices if (one if every_class else np.isin(one, kept)).any()]
