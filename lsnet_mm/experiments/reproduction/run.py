"""Which runs there are, what is left to do of them, and which are not to be touched."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from mmengine.config import Config

from ...evaluation.computation import config_sha256
from ...evaluation.results import TRAIN_SPLIT
from ...utils import read_config
from .composing import compose, composed_sha256
from .tables import System, Table

TRAIN = 'train'
#: In a work folder: the hash of what its training computes.
HASH_FILE = 'config_sha256'
_CHECKPOINT = re.compile(r'epoch_(\d+)\.pth')


@dataclass(frozen=True)
class Run:
    """One training with its test: a row of a table, on one fold, with one seed.

    Attributes:
        system: Of the row.
        data: Name of the data.
        seed: Of the training.
        fold: Of cross-validation, or None.
        from_scratch: Start from random weights.
        results: Where run folders go.
        work_dirs: Where trainings go.
        train_split: Score the slices of training too.
    """

    system: System
    data: str
    seed: int = 0
    fold: int | None = None
    from_scratch: bool = False
    results: Path = Path('results')
    work_dirs: Path = Path('work_dirs/reproduce')
    train_split: bool = False

    def __str__(self) -> str:
        return f'{self.system.name} {self.name}'

    @property
    def name(self) -> str:
        """Seed and fold, as a folder."""
        return f'seed{self.seed}' if self.fold is None else f'fold{self.fold}_seed{self.seed}'

    @property
    def folder(self) -> Path:
        """The run folder, as :mod:`lsnet_mm.evaluation.results` describes it."""
        return self.results / self.data / self.system.name / self.name

    @property
    def work_dir(self) -> Path:
        """Checkpoints and logs."""
        return self.work_dirs / self.data / self.system.name / self.name

    @property
    def source(self) -> 'Run':
        """The run whose training this one tests: mostly itself."""
        weights = self.system.weights
        return self if weights is None else replace(self, system=weights)

    @property
    def tests(self) -> dict[str, Path]:
        """The run folder of each test: by name, ``test`` and perhaps ``train_split``."""
        more = {TRAIN_SPLIT: self.folder / TRAIN_SPLIT} if self.train_split else {}
        return {'test': self.folder, **more}

    def compose(self, test: str = 'test') -> Config:
        """The config of one of the tests; that of the training is the first one's."""
        return compose(*self._composition(test))

    def sha256(self, test: str = 'test') -> str:
        """The hash of what one of the tests computes, its training included."""
        return composed_sha256(*self._composition(test))

    def training_sha256(self) -> str:
        """The hash of what the training computes, whatever is tested of it."""
        return composed_sha256(*self._composition('test'), training=True)

    def checkpoint(self) -> tuple[Path | None, int]:
        """The last whole checkpoint of the training, and its epoch: None and 0 without any."""
        pointer = self.work_dir / 'last_checkpoint'
        if pointer.is_file():
            # mmengine writes a path of when it trained; folders move.
            name = Path(pointer.read_text().strip()).name
            match = _CHECKPOINT.fullmatch(name)
            if match and (self.work_dir / name).is_file():
                return self.work_dir / name, int(match[1])
        return None, 0

    def _composition(self, test: str) -> tuple:
        split = 'train' if test == TRAIN_SPLIT else None
        return self.system, self.data, self.fold, split, self.from_scratch


def plan(
    tables: Sequence[Table],
    seeds: Sequence[int],
    folds: Sequence[int | None],
    only: Collection[str] | None = None,
    **settings,
) -> list[Run]:
    """The runs of tables, each once whichever tables share it, seed after seed.

    Args:
        tables: Out of ``TABLES``.
        seeds: Of the trainings.
        folds: Numbers, or just None for data without folds.
        only: Names of systems to run, with those whose weights they test; all by default.
        **settings: Of :class:`Run`.
    """
    split = {row.system for table in tables if table.train_split for row in table.rows}
    asked = (row.system for table in tables for row in table.rows)
    chosen = [system for system in asked if only is None or system.name in only]
    systems = dict.fromkeys(s for system in chosen for s in (system.weights, system) if s)
    return [
        Run(system, seed=seed, fold=fold, train_split=system in split, **settings)
        for seed, fold, system in product(seeds, folds, systems)
    ]


def remaining(run: Run, resume: bool = False) -> list[str]:
    """The steps left of a run: ``TRAIN`` and the names of tests.

    Args:
        run: Of the plan.
        resume: Go on with a training that was stopped.

    Returns:
        list: Empty if the run is done.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If what is there is another config's, or a training that stopped and may not
            be resumed. Nothing of it is ever overwritten.
    """
    tests = remaining_tests(run)
    if not tests:
        return []
    source = run.source
    _check_work_dir(source)
    _, epoch = source.checkpoint()
    epochs = source.compose().train_cfg.max_epochs
    if epoch >= epochs:
        return tests
    if source is not run:
        raise ValueError(
            f'{source.work_dir} holds no finished training, whose weights are tested here. Run '
            f'{source.system.name} first; if its result is there already, move that away before.'
        )
    if len(tests) < len(run.tests):
        raise ValueError(
            f'{run.folder} is there, but {run.work_dir} holds no finished training for the test '
            'that is left. Move the result away to train again.'
        )
    if epoch and not resume:
        raise ValueError(
            f'{run.work_dir} stopped after {epoch} of {epochs} epochs. Continue it with --resume, '
            'or move it away to start again.'
        )
    return [TRAIN, *tests]


def remaining_tests(run: Run) -> list[str]:
    """The tests without a result, whether or not they can be run; errors as above."""
    return [test for test, folder in run.tests.items() if not _is_done(run, test, folder)]


def _is_done(run: Run, test: str, folder: Path) -> bool:
    """Whether the result of a test is there; it is the last file that a test writes."""
    file = folder / 'result.json'
    if not file.is_file():
        return False
    try:
        found = json.loads(file.read_text())['config_sha256']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'{file} is no result file. Move {folder} away to run it again.'
        ) from error
    _check(f'{file} is of', found, run.sha256(test), f'Move {folder} away to run')
    return True


def _check_work_dir(run: Run) -> None:
    """That a training with a checkpoint was started with the config as it is now.

    Folders of ``tools/train.py`` have no hash file; mmengine leaves the config in them.
    """
    if run.checkpoint()[0] is None:
        return
    file, config = run.work_dir / HASH_FILE, run.work_dir / f'{run.system.name}.py'
    if file.is_file():
        found = file.read_text().strip()
    elif config.is_file():
        found = config_sha256(read_config(config).to_dict(), training=True)
    else:
        found = 'unknown'
    what = f'{run.work_dir} was started with'
    _check(what, found, run.training_sha256(), 'Move it away to train')


def _check(what: str, found: object, now: str, remedy: str) -> None:
    if found != now:
        hashes = f'{str(found)[:8]}, now it is {now[:8]}'
        raise ValueError(f'{what} another config ({hashes}). {remedy} the config as it is now.')
