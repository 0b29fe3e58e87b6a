import json
from pathlib import Path

from mmengine.registry import DATASETS

from .ct_slice_dataset import CTSliceDataset, existing_root, pair_files
from .nifti import foreground_slices, open_nifti, slice_spacing

SPLITS = ('train', 'val', 'all')
SLICES = ('all', 'foreground')
ENDING = '.nii'


@DATASETS.register_module()
class PancreasCTDataset(CTSliceDataset):
    """Axial slices of prepared CT volumes in nnU-Net's layout.

    ::

        data_root/imagesTr/<case>_0000.nii    int16, HU
        data_root/labelsTr/<case>.nii         0 background, 1 pancreas
        data_root/dataset.json                nnU-Net v2; its optional ``name`` names the data
        data_root/splits_final.json           a list of folds {"train": [case], "val": [case]}

    Args:
        data_root: The prepared folder.
        split: ``'train'`` or ``'val'`` of the fold, or ``'all'`` cases.
        fold: Which fold of ``splits_final.json``, from 0.
        slices: ``'all'`` slices, or only the ``'foreground'`` ones, which hold pancreas. These
            are found by one pass over the labels at construction.
        **kwargs: Of mmseg's ``BaseSegDataset``: ``pipeline``, ``indices``, ``test_mode``, ...

    Raises:
        FileNotFoundError: If the folder, one of its files or a case of the split is missing.
        ValueError: If an argument, a JSON file or a volume's shape is wrong, or nothing is left.
    """

    def __init__(
        self, data_root: str, split: str = 'train', fold: int = 0, slices: str = 'all', **kwargs
    ):
        if split not in SPLITS:
            raise ValueError(f'split must be one of {SPLITS}, got {split!r}.')
        if slices not in SLICES:
            raise ValueError(f'slices must be one of {SLICES}, got {slices!r}.')
        self.split = split
        self.fold = fold
        self.slices = slices
        self.name = self._read_description(existing_root(data_root)).get('name', 'pancreas_ct')
        super().__init__(data_root=str(data_root), **kwargs)

    def split_files(self) -> list[tuple[Path, Path]]:
        """The (image, mask) volumes of the split, sorted by case."""
        root = existing_root(self.data_root)
        images = {p.name[: -len('_0000.nii')]: p for p in root.glob(f'imagesTr/*_0000{ENDING}')}
        masks = {p.name[: -len(ENDING)]: p for p in root.glob(f'labelsTr/*{ENDING}')}
        pairs = dict(zip(sorted(images), pair_files(images, masks), strict=True))
        cases = sorted(pairs) if self.split == 'all' else self._fold_cases(root)
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
        infos = []
        for image, mask in self.split_files():
            volume, labels = open_nifti(image), open_nifti(mask)
            if volume.shape != labels.shape:
                raise ValueError(
                    f'{mask} is {labels.shape}, its image {volume.shape}. Prepare the case again.'
                )
            numbers = range(volume.shape[2])
            if self.slices == 'foreground':
                numbers = foreground_slices(mask)
            case, spacing = mask.name[: -len(ENDING)], slice_spacing(volume)
            infos += [self.slice_info(image, mask, case, k, spacing) for k in numbers]
        if not infos:
            raise ValueError(f'split {self.split!r} of {self.data_root} holds no pancreas.')
        return infos

    def _read_description(self, root: Path) -> dict:
        """``dataset.json``, checked: what it says must be what this dataset reads."""
        path = root / 'dataset.json'
        description = _read_json(path, dict)
        labels = {name: value for value, name in enumerate(self.METAINFO['classes'])}
        for key, expected in (('labels', labels), ('file_ending', ENDING)):
            if description.get(key) != expected:
                raise ValueError(
                    f'{path}: {key!r} must be {expected}, got {description.get(key)}. '
                    'Prepare the data again.'
                )
        return description

    def _fold_cases(self, root: Path) -> list[str]:
        path = root / 'splits_final.json'
        folds = _read_json(path, list)
        if not 0 <= self.fold < len(folds):
            raise ValueError(f'{path} has folds 0 to {len(folds) - 1}, there is no {self.fold}.')
        if self.split not in folds[self.fold]:
            raise ValueError(f'{path}: fold {self.fold} has no {self.split!r} list of cases.')
        return folds[self.fold][self.split]


def _read_json(path: Path, kind: type) -> dict | list:
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist. data_root must be a prepared folder in nnU-Net layout.'
        )
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is not valid JSON ({error}). Prepare the data again.') from error
    if not isinstance(content, kind):
        raise ValueError(f'{path} must hold a JSON {kind.__name__}. Prepare the data again.')
    return content
