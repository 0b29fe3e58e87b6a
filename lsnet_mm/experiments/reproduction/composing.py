"""The config of a table's row on the data that it is run on."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path

from mmengine.config import Config

import lsnet_mm

from ...evaluation.computation import config_sha256
from ...utils.config import train_from_scratch
from ...utils.settings import check_options, read_config
from .tables import System

_PACKAGE = Path(lsnet_mm.__file__).parent
#: The folder of ``configs/`` and ``tools/``: in a checkout beside the package, else inside it.
ROOT = _PACKAGE.parent if (_PACKAGE.parent / 'tools/reproduce.py').is_file() else _PACKAGE / '.mim'
DATA = ('pancreas_ct', 'slices', 'phantom')
DATASETS = ROOT / 'configs' / '_base_' / 'datasets'
_read = cache(read_config)


def compose(
    system: System,
    data: str | None = None,
    fold: int | str | None = None,
    split: str | None = None,
    from_scratch: bool = False,
) -> Config:
    """A system's config, with its dataloaders and evaluators exchanged for those of other data.

    What is left out, or says what the config says already, changes nothing.

    Args:
        system: Its config and options.
        data: Out of :data:`DATA`. Images keep the size that they have in the config.
        fold: Of cross-validation, for data that have folds.
        split: What to test on. ``'train'`` are the slices that training sees, without
            augmentation and without scores of surfaces, which need contiguous slices.
        from_scratch: Start from random weights where the config names pretrained ones.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If the config changes its data beyond its dataset file, so that they cannot be
            exchanged, if the data have no folds, or if an option changes nothing.
    """
    config = _load(find_config(system.config))
    if data is not None:
        config = _exchange(config, system.config, data)
    check_options(config, system.options)
    config.merge_from_dict(dict(system.options))
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
def composed_sha256(*args, training: bool = False, **kwargs) -> str:
    """The hash of what :func:`compose` gives, see :func:`config_sha256`."""
    return config_sha256(compose(*args, **kwargs).to_dict(), training)


def find_config(name: str) -> Path:
    """The file ``configs/<method>/<name>.py``.

    Raises:
        FileNotFoundError: If there is none.
    """
    for path in sorted(ROOT.glob(f'configs/[a-z]*/{name}.py')):
        return path
    raise FileNotFoundError(
        f'there is no config {name}.py below configs/. Add it, or correct its name in '
        'lsnet_mm/experiments/reproduction/tables.py.'
    )


def data_root(data: str) -> Path:
    """Where data are expected, by their dataset file."""
    return Path(_load(_dataset(data)).test_dataloader.dataset.data_root)


def _exchange(config: Config, name: str, data: str) -> Config:
    if Path(config.test_dataloader.dataset.data_root) == data_root(data):
        return config
    settings = config.to_dict()
    files = (_load(path).to_dict() for path in DATASETS.glob('*.py'))
    if not any(file.items() <= settings.items() for file in files):
        raise ValueError(
            f'{name} cannot be run on {data}: its data are not just those of a file in '
            'configs/_base_/datasets, and what it changes there would be lost.'
        )
    wanted = _load(_dataset(data))
    for part in ('train', 'val', 'test'):
        own, other = (c[f'{part}_dataloader'].dataset for c in (config, wanted))
        resize = [step for step in own.pipeline if step['type'] == 'ResizeSlice']
        steps = ([step] if step['type'] != 'ResizeSlice' else resize for step in other.pipeline)
        other.pipeline = [step for some in steps for step in some]
    return Config({**settings, **wanted.to_dict()})


def _dataset(data: str) -> Path:
    return DATASETS / f'{data}_320.py'


def _set_fold(config: Config, fold: int | str) -> None:
    for part in ('train', 'val', 'test'):
        dataset = config[f'{part}_dataloader'].dataset
        if 'fold' not in dataset:
            # The folds themselves, not their path: a run's config stands alone, and its hash
            # changes with them.
            path = DATASETS / f'{Path(dataset.data_root).name}_folds.json'
            if not path.is_file():
                raise ValueError(f'{dataset.data_root} has no folds: leave out the fold.')
            dataset.folds = json.loads(path.read_text())
        dataset.fold = fold


def _load(path: Path) -> Config:
    return deepcopy(_read(path))
