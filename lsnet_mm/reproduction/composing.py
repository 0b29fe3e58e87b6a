"""The config of a table's row on the data that it is run on."""

from copy import deepcopy
from functools import cache
from pathlib import Path

from mmengine.config import Config

from ..evaluation.provenance import config_sha256
from ..utils.openmmlab import allow_external_configs
from ..utils.pretrained import train_from_scratch
from .sources import dataset_files, find_config

DATA = ('pancreas_ct', 'slices', 'phantom')


def compose(
    name: str,
    data: str | None = None,
    fold: int | str | None = None,
    split: str | None = None,
    from_scratch: bool = False,
) -> Config:
    """A config with its dataloaders and evaluators exchanged for those of other data.

    What is left out, or says what the config says already, changes nothing: such a config has the
    hash of its file.

    Args:
        name: Stem of a file below ``configs/``.
        data: Out of :data:`DATA`.
        fold: Of cross-validation, for data that have folds.
        split: What to test on. ``'train'`` are the slices that training sees, without
            augmentation and without scores of surfaces, which need contiguous slices.
        from_scratch: Start from random weights where the config names pretrained ones.

    Raises:
        FileNotFoundError: If there is no such config, or its images have a size that there is no
            dataset file of.
        ValueError: If the config changes its data beyond its dataset file, so that they cannot be
            exchanged, or if the data have no folds.
    """
    config = _load(find_config(name))
    if data is not None:
        config = _exchange(config, name, data)
    if fold is not None:
        _set_fold(config, fold)
    test = config.test_dataloader.dataset
    if split is not None and split != test.split:
        source = config.train_dataloader.dataset if split == 'train' else test
        config.test_dataloader.dataset = {**source, 'split': split, 'pipeline': test.pipeline}
        config.test_evaluator = config.val_evaluator
    if from_scratch:
        train_from_scratch(config.model)
    return config


@cache
def composed_sha256(*args, **kwargs) -> str:
    """The hash of what :func:`compose` gives."""
    return config_sha256(compose(*args, **kwargs).to_dict())


def data_root(data: str) -> Path:
    """Where data are expected, by the dataset files."""
    files = (_load(path) for path in dataset_files() if _data(path.stem) == data)
    return Path(next(files).data_root)


def _exchange(config: Config, name: str, data: str) -> Config:
    files = {path.stem: _load(path) for path in dataset_files()}
    if any(_data(s) == data and f.data_root == config.data_root for s, f in files.items()):
        return config
    settings = config.to_dict()
    own = next((s for s, f in files.items() if f.to_dict().items() <= settings.items()), None)
    if own is None:
        raise ValueError(
            f'{name} cannot be run on {data}: its data are not just those of a file in '
            'configs/_base_/datasets, and what it changes there would be lost.'
        )
    wanted = own.replace(_data(own), data, 1)
    if wanted not in files:
        raise FileNotFoundError(
            f'{name} cannot be run on {data}: there is no configs/_base_/datasets/{wanted}.py.'
        )
    rest = {key: value for key, value in settings.items() if key not in files[own]}
    return Config({**rest, **files[wanted].to_dict()})


def _data(stem: str) -> str:
    """``slices`` of ``slices_160``."""
    return next((data for data in DATA if stem.startswith(data)), stem)


def _set_fold(config: Config, fold: int | str) -> None:
    for part in ('train', 'val', 'test'):
        dataset = config[f'{part}_dataloader'].dataset
        if 'fold' not in dataset:
            raise ValueError(f'{dataset.data_root} has no folds: leave out the fold.')
        dataset.fold = fold


def _load(path: Path) -> Config:
    return deepcopy(_read(path))


@cache
def _read(path: Path) -> Config:
    allow_external_configs()
    return Config.fromfile(path)
