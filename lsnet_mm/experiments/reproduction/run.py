"""A run of the comparison: what it computes, and what is left to do of it."""

import json
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from zipfile import is_zipfile

from mmengine.config import Config

import lsnet_mm

from ...evaluation.computation import config_sha256
from ...evaluation.results import TRAIN_SPLIT
from ...utils.checkpoint import newest_first
from ...utils.config import train_from_scratch
from ...utils.settings import check_options, read_config
from .tables import System

_PACKAGE = Path(lsnet_mm.__file__).parent
#: The folder of ``configs/`` and ``tools/``: in a checkout beside the package, else inside it.
ROOT = _PACKAGE.parent if (_PACKAGE.parent / 'tools/reproduce.py').is_file() else _PACKAGE / '.mim'
DATASETS = ROOT / 'configs' / '_base_' / 'datasets'
WAITING, DONE, FAILED, TRAIN = 'waiting', 'done', 'failed', 'train'
#: In a work folder: the hash of what its training computes.
HASH_FILE = 'config_sha256'
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
        data: Out of :data:`.tables.DATA`. Images keep the size that they have in the config.
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
    if data is not None and Path(config.test_dataloader.dataset.data_root) != data_root(data):
        config = _exchange_data(config, system.config, data)
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
    if found := sorted(ROOT.glob(f'configs/[a-z]*/{name}.py')):
        return found[0]
    where = 'Add it, or correct its name in lsnet_mm/experiments/reproduction/tables.py.'
    raise FileNotFoundError(f'there is no config {name}.py below configs/. {where}')


def data_root(data: str) -> Path:
    """Where data are expected, by their dataset file."""
    return Path(_load(DATASETS / f'{data}_320.py').test_dataloader.dataset.data_root)


@dataclass(eq=False)
class Run:
    """One training with its tests: a row of a table, on one fold, with one seed."""

    system: System
    data: str
    seed: int = 0
    fold: int | None = None  #: of cross-validation
    from_scratch: bool = False  #: start from random weights
    results: Path = Path('results')  #: where run folders go
    work_dirs: Path = Path('work_dirs/reproduce')  #: where trainings go
    train_split: bool = False  #: score the slices of training too

    def __post_init__(self) -> None:
        #: ``waiting``, ``done``, ``failed``, or the step under way: ``train``, or a test's name
        self.state = WAITING
        self.message = ''  #: why it was skipped, or has failed
        self.epochs = 0  #: of the training; 0 of a run that tests another's weights
        self.epoch = 0  #: that the training is in or has finished, from 1; 0 before the first
        self.dsc: float | None = None  #: of the last validation, in percent
        fold = '' if self.fold is None else f'fold{self.fold}_'
        path = Path(self.data, self.system.name, f'{fold}seed{self.seed}')
        #: the run folder, as :mod:`lsnet_mm.evaluation.results` describes it
        self.folder = self.results / path
        self.work_dir = self.work_dirs / path  #: checkpoints and logs
        self.tests = {'test': self.folder}  #: the run folder of each test
        if self.train_split:
            self.tests[TRAIN_SPLIT] = self.folder / TRAIN_SPLIT
        weights = self.system.weights
        #: the run whose training this one tests: mostly itself
        self.source = self if weights is None else replace(self, system=weights)

    def __str__(self) -> str:
        return f'{self.system.name} {self.folder.name}'

    def compose(self, test: str = 'test') -> Config:
        """The config of one of the tests; that of the training is the first one's."""
        return compose(*self._asked(test))

    def sha256(self, test: str = 'test', training: bool = False) -> str:
        """The hash of what one of the tests computes with its training, or the training alone."""
        return composed_sha256(*self._asked(test), training=training)

    def checkpoint(self) -> tuple[Path | None, int]:
        """The last whole checkpoint of the training, and its epoch: None and 0 without any.

        Raises:
            ValueError: If it is of another config.
        """
        pointer = self.work_dir / 'last_checkpoint'
        found = newest_first(self.work_dir, 'epoch_{}.pth', pointer)
        path = next(filter(is_zipfile, found), None)  # a file that was cut is none
        if path is None:
            return None, 0
        file = self.work_dir / HASH_FILE
        found = file.read_text().strip() if file.is_file() else 'unknown'
        what = f'{self.work_dir} was started with'
        _check_hash(what, found, self.sha256(training=True), 'Move it away to train')
        return path, int(path.stem.removeprefix('epoch_'))

    def remaining(self, resume: bool = False) -> list[str]:
        """The steps left: ``train`` and the names of tests; none if the run is done.

        Args:
            resume: Go on with a training that was stopped.

        Raises:
            FileNotFoundError: If there is no such config.
            ValueError: If what is there is another config's, or a training that stopped and may
                not be resumed. Nothing of it is ever overwritten.
        """
        tests = [test for test in self.tests if not self._is_done(test)]
        # Others' weights may be still to come; and beside a result nothing is trained again.
        if self.source is not self or len(tests) < len(self.tests):
            return tests
        epoch, epochs = self.checkpoint()[1], self.compose().train_cfg.max_epochs
        if epoch >= epochs:
            return tests
        if epoch and not resume:
            raise ValueError(
                f'{self.work_dir} stopped after {epoch} of {epochs} epochs. Continue it with '
                '--resume, or move it away to start again.'
            )
        return [TRAIN, *tests]

    def inspect(self, resume: bool = False) -> None:
        """Set the state by what is there, before anything is run."""
        self.read_progress()
        try:
            if not self.remaining(resume):
                self.state, self.message = DONE, 'its result is there: skipped'
            elif self.source is self:
                self.epochs = self.compose().train_cfg.max_epochs
        except (OSError, ValueError) as error:
            self.state, self.message = FAILED, str(error)

    def read_progress(self) -> None:
        """Take epoch and DSC from what mmengine has logged, over all starts of a training."""
        for file in sorted(self.work_dir.glob('*/vis_data/scalars.json')):
            for line in file.read_text().splitlines():
                with suppress(ValueError):  # a line that is still being written
                    scalars = json.loads(line)
                    self.epoch = scalars.get('epoch', self.epoch)
                    self.dsc = scalars.get('slice_fg/dsc', self.dsc)

    def _is_done(self, test: str) -> bool:
        """Whether the result of a test is there; it is the last file that a test writes."""
        file = self.tests[test] / 'result.json'
        if not file.is_file():
            return False
        try:
            found = str(json.loads(file.read_text())['config_sha256'])
        except (ValueError, KeyError, TypeError):
            found = 'unknown'
        _check_hash(f'{file} is of', found, self.sha256(test), f'Move {file.parent} away to run')
        return True

    def _asked(self, test: str) -> tuple:
        split = 'train' if test == TRAIN_SPLIT else None
        return self.system, self.data, self.fold, split, self.from_scratch


def _check_hash(what: str, found: str, now: str, remedy: str) -> None:
    if found != now:
        hashes = f'{found[:8]}, now it is {now[:8]}'
        raise ValueError(f'{what} another config ({hashes}). {remedy} the config as it is now.')


def _exchange_data(config: Config, name: str, data: str) -> Config:
    settings = config.to_dict()
    files = (_load(path).to_dict() for path in DATASETS.glob('*.py'))
    if not any(file.items() <= settings.items() for file in files):
        raise ValueError(
            f'{name} cannot be run on {data}: its data are not just those of a file in '
            'configs/_base_/datasets, and what it changes there would be lost.'
        )
    wanted = _load(DATASETS / f'{data}_320.py')
    for part in ('train', 'val', 'test'):
        own, other = (c[f'{part}_dataloader'].dataset for c in (config, wanted))
        resize = [step for step in own.pipeline if step['type'] == 'ResizeSlice']
        steps = ([step] if step['type'] != 'ResizeSlice' else resize for step in other.pipeline)
        other.pipeline = [step for some in steps for step in some]
    return Config({**settings, **wanted.to_dict()})


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
