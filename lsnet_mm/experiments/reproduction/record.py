"""What the run folders say of a table's rows, each beside the one that it is compared with."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import mean

from ...evaluation.functional import SliceRow, all_scores, box_scores
from ...evaluation.results import TRAIN_SPLIT, read_run
from ...evaluation.statistics import PairedDifference, paired_difference
from .run import Run
from .tables import Row, Table

_NAME = re.compile(r'(?:fold(?P<fold>\d+)_)?seed(?P<seed>\d+)')
_PROTOCOLS = ('slice_fg', 'case')
Key = tuple[int | None, int]  # fold and seed
Runs = dict[Key, tuple[dict, list[SliceRow]]]  # result and slices


@dataclass(frozen=True)
class Record:
    """What the run folders say of a row."""

    row: Row
    runs: Runs
    train: Runs  #: of the slices of training, where the table has these scored
    stale: tuple[Path, ...]  #: run folders of another config, which are left out
    reference: 'Record | None' = None  #: of ``row.reference``, if it has a row in the table

    @cached_property
    def folds(self) -> list[int | None]:
        """All that any seed has."""
        return sorted({fold for fold, _ in self.runs}, key=str)

    @cached_property
    def slices(self) -> dict[int, list[SliceRow]]:
        """By seed, over all folds; a seed that lacks folds has not seen every case yet."""
        return _by_seed(self.runs, self.runs)

    @cached_property
    def paired(self) -> tuple[list[list[SliceRow]], list[list[SliceRow]]]:
        """The slices here and of the reference, a list for each seed that both have with the same
        folds."""
        if self.reference is None:
            return [], []
        common = self.runs.keys() & self.reference.runs.keys()
        return tuple([*_by_seed(r.runs, common).values()] for r in (self, self.reference))

    @cached_property
    def differences(self) -> dict[str, PairedDifference]:
        """From the reference in DSC, by ``slice_fg`` and by ``case``, over :attr:`paired`; empty
        if that is.

        Raises:
            ValueError: If they were tested on different slices.
        """
        a, b = self.paired
        try:
            return {name: paired_difference(a, b, name) for name in _PROTOCOLS} if a else {}
        except ValueError as error:
            a, b = self.row.system.name, self.row.reference.name
            raise ValueError(f'{a} cannot be compared with {b}: {error}') from error

    @cached_property
    def scores(self) -> dict[str, list[float]]:
        """One value a seed, in percent, by the key of the metric.

        Beside the keys of the metric (``slice_fg/dsc``, ``oracle/slice_fg/dsc``, ``box/miou``,
        ``slice_empty/found``): ``train/box/miou``, ``params`` and ``localizer/params`` in
        millions, ``gflops`` and ``localizer/gflops``. What a model has not, or an old result
        file, is left out.
        """
        each = [self._scores(seed, rows) for seed, rows in self.slices.items()]
        keys = dict.fromkeys(key for scores in each for key in scores)
        return {key: [scores[key] for scores in each if key in scores] for key in keys}

    def _scores(self, seed: int, rows: list[SliceRow]) -> dict[str, float]:
        scores = all_scores(rows, _PROTOCOLS)
        if self.train:
            train = _by_seed(self.train, self.runs)[seed]
            scores['train/box/miou'] = box_scores(train)['box/miou']
        result = self.runs[self.folds[0], seed][0]
        results = [self.runs[fold, seed][0]['metrics'] for fold in self.folds]
        for key in ('case/hd95', 'case/nsd'):  # of whole masks, which rows do not hold
            if all(key in metrics for metrics in results):
                scores[key] = mean(metrics[key] for metrics in results)
        for prefix, part in (('', result), ('localizer/', result.get('localizer') or {})):
            for key, unit in (('params', 1e6), ('gflops', 1)):
                if part.get(key) is not None:
                    scores[prefix + key] = part[key] / unit
        return scores


def read_records(
    table: Table,
    data: str,
    results: str | Path = 'results',
    from_scratch: bool = False,
    folds: Collection[int | None] | None = None,
) -> list[Record]:
    """What there is of each row of a table, in their order, with whatever seeds and folds; with
    these folds alone, if given.

    Of a table with the slices of training, a row's runs are those whose training was scored too.
    """
    settings = {'from_scratch': from_scratch, 'train_split': table.train_split}
    records = {}
    for row in table.rows:
        found, stale = {'test': {}, TRAIN_SPLIT: {}}, []
        for file in sorted((Path(results) / data / row.system.name).glob('*/result.json')):
            match = _NAME.fullmatch(file.parent.name)
            fold, seed = (text and int(text) for text in match.groups()) if match else (None, None)
            if seed is None or folds is not None and fold not in folds:
                continue
            run = Run(row.system, data, seed, fold, results=Path(results), **settings)
            for test, folder in run.tests.items():
                if (folder / 'result.json').is_file():
                    result, slices = read_run(folder)
                    if result['config_sha256'] != run.sha256(test):
                        stale.append(folder)
                        break
                    found[test][fold, seed] = result, slices
        runs, train = found['test'], found[TRAIN_SPLIT]
        runs = {key: runs[key] for key in train or runs}
        records[row.system] = Record(row, runs, train, tuple(stale))
    run = [{*r.runs} for r in records.values() if r.runs]
    if table.common_runs and run and (common := set.intersection(*run)):
        for system, r in records.items():
            runs, train = ({k: v for k, v in of.items() if k in common} for of in (r.runs, r.train))
            records[system] = replace(r, runs=runs, train=train)
    return [replace(r, reference=records.get(r.row.reference)) for r in records.values()]


def _by_seed(runs: Runs, keys: Collection[Key]) -> dict[int, list[SliceRow]]:
    """The slices of each seed that has every fold among the keys, over these."""
    folds = sorted({fold for fold, _ in keys}, key=str)
    seeds = sorted({seed for _, seed in keys})
    whole = [seed for seed in seeds if all((fold, seed) in keys for fold in folds)]
    return {seed: [row for fold in folds for row in runs[fold, seed][1]] for seed in whole}
