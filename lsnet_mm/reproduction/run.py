import re
from dataclasses import dataclass, replace
from pathlib import Path

from mmengine.config import Config

from ..evaluation.results import TRAIN_SPLIT
from .composing import compose, composed_sha256
from .system import System

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
