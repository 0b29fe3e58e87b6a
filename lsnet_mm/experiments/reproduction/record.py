"""What the run folders say of a table's rows, each beside the one that it is compared with."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ...evaluation.functional import Row as SliceRow
from ...evaluation.functional import aggregate, box_scores, failure_rates
from ...evaluation.results import TRAIN_SPLIT, read_run
from ...evaluation.statistics import PairedDifference, paired_difference
from .run import Run
from .tables import Row, Table

_NAME = re.compile(r'(?:fold(?P<fold>\d+)_)?seed(?P<seed>\d+)')
_PROTOCOLS = ('slice_fg', 'case')
Key = tuple[int | None, int]


@dataclass(frozen=True)
class Record:
    """What the run folders say of a row.

    Attributes:
        row: Of a table.
        runs: Result and slices by fold and seed.
        train: The same of the slices of training, where these were scored.
        stale: Run folders of another config, which are left out.
        reference: The record of ``row.reference``, if it has a row in the table.
    """

    row: Row
    runs: dict[Key, tuple[dict, list[SliceRow]]]
    train: dict[Key, tuple[dict, list[SliceRow]]]
    stale: tuple[Path, ...] = ()
    reference: 'Record | None' = None

    @cached_property
    def folds(self) -> list[int | None]:
        """All that any seed has."""
        return sorted({fold for fold, _ in self.runs}, key=str)

    @cached_property
    def seeds(self) -> list[int]:
        """Those with all the folds: the others have not seen every case yet."""
        return _complete_seeds(self.runs)

    def slices(self, seed: int) -> list[SliceRow]:
        """The slices of a seed, over all folds."""
        return [row for fold in self.folds for row in self.runs[fold, seed][1]]

    def with_training(self) -> 'Record':
        """The same of the runs whose slices of training were scored; of all, if none's were."""
        runs = {key: run for key, run in self.runs.items() if key in self.train}
        return replace(self, runs=runs or self.runs)

    def without_fold(self, fold: int) -> 'Record':
        """The same of the other folds, and so is its reference."""
        runs, train = (
            {key: value for key, value in of.items() if key[0] != fold}
            for of in (self.runs, self.train)
        )
        reference = self.reference and self.reference.without_fold(fold)
        return replace(self, runs=runs, train=train, reference=reference)

    @cached_property
    def difference(self) -> PairedDifference | None:
        """In the DSC of slices with foreground; see :meth:`difference_by`."""
        return self.difference_by('slice_fg')

    def difference_by(self, protocol: str) -> PairedDifference | None:
        """From the reference, over the seeds and folds that both have; None without any.

        Args:
            protocol: ``'slice_fg'``, or ``'case'``.

        Raises:
            ValueError: If they were tested on different slices.
        """
        a, b = self.paired_runs()
        try:
            return paired_difference(a, b, protocol) if a else None
        except ValueError as error:
            a, b = self.row.system.name, self.row.reference.name
            raise ValueError(f'{a} cannot be compared with {b}: {error}') from error

    def paired_runs(self) -> tuple[list[list[SliceRow]], list[list[SliceRow]]]:
        """The slices here and of the reference, a list for each seed that both have with the same
        folds."""
        if self.reference is None:
            return [], []
        common = self.runs.keys() & self.reference.runs.keys()
        folds = sorted({fold for fold, _ in common}, key=str)
        seeds = _complete_seeds(common)
        return tuple(
            [[row for fold in folds for row in r.runs[fold, seed][1]] for seed in seeds]
            for r in (self, self.reference)
        )

    @cached_property
    def scores(self) -> dict[str, list[float]]:
        """One value a seed, in percent, by the key of the metric.

        Beside the keys of the metric (``slice_fg/dsc``, ``oracle/slice_fg/dsc``, ``box/miou``,
        ``slice_empty/found``): ``train/box/miou``, ``params`` and ``localizer/params`` in
        millions, ``gflops`` and ``localizer/gflops``. What a model has not, or an old result
        file, is left out.
        """
        each = [self._scores(seed) for seed in self.seeds]
        keys = dict.fromkeys(key for scores in each for key in scores)
        return {key: [scores[key] for scores in each if key in scores] for key in keys}

    def _scores(self, seed: int) -> dict[str, float]:
        rows = self.slices(seed)
        scores = aggregate(rows, protocols=_PROTOCOLS) | failure_rates(rows)
        if rows[0].get('n_boxes') is not None:
            scores |= box_scores(rows)
        if rows[0].get('oracle_tp') is not None:
            oracle = aggregate(rows, 'oracle_', _PROTOCOLS)
            scores |= {f'oracle/{key}': value for key, value in oracle.items()}
        keys = [(fold, seed) for fold in self.folds]
        if all(key in self.train for key in keys):
            train = box_scores([row for key in keys for row in self.train[key][1]])
            scores['train/box/miou'] = train['box/miou']
        result = self.runs[keys[0]][0]
        for prefix, part in (('', result), ('localizer/', result.get('localizer') or {})):
            if part.get('params') is not None:
                scores[f'{prefix}params'] = part['params'] / 1e6
            if part.get('gflops') is not None:
                scores[f'{prefix}gflops'] = part['gflops']
        return scores


def read_records(
    table: Table, data: str, results: str | Path = 'results', from_scratch: bool = False
) -> list[Record]:
    """What there is of each row of a table, in their order, with whatever seeds and folds.

    Of a table with the slices of training, a row's runs are those whose training was scored too: a
    row that another table has run on more folds keeps to those of its neighbours here.
    """
    rows = [_read_record(row, data, Path(results), from_scratch) for row in table.rows]
    if table.train_split:
        rows = [record.with_training() for record in rows]
    by_system = {record.row.system: record for record in rows}
    return [replace(record, reference=by_system.get(record.row.reference)) for record in rows]


def _read_record(row: Row, data: str, results: Path, from_scratch: bool) -> Record:
    found, stale = {'test': {}, TRAIN_SPLIT: {}}, []
    for file in sorted((results / data / row.system.name).glob('*/result.json')):
        match = _NAME.fullmatch(file.parent.name)
        if match is None:
            continue
        fold, seed = (None if text is None else int(text) for text in match.groups())
        run = Run(row.system, data, seed, fold, from_scratch, results, train_split=True)
        for test, folder in run.tests.items():
            if not (folder / 'result.json').is_file():
                continue
            result, slices = read_run(folder)
            if result['config_sha256'] != run.sha256(test):
                stale.append(folder)
                break
            found[test][fold, seed] = result, slices
    return Record(row, found['test'], found[TRAIN_SPLIT], tuple(stale))


def _complete_seeds(keys: Collection[Key]) -> list[int]:
    """The seeds that come with every fold among (fold, seed) pairs."""
    folds = {fold for fold, _ in keys}
    seeds = sorted({seed for _, seed in keys})
    return [seed for seed in seeds if all((fold, seed) in keys for fold in folds)]
