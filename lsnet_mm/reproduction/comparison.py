"""A row against its reference."""

from collections.abc import Sequence

from ..evaluation.functional import Row as SliceRow
from ..evaluation.statistics import PairedDifference, paired_difference
from .record import Record, complete_seeds


def compare(record: Record, records: Sequence[Record]) -> PairedDifference | None:
    """A row against its reference, over the seeds and folds that both have; None without any.

    Raises:
        ValueError: If they were tested on different slices.
    """
    reference = {r.row.system: r for r in records}.get(record.row.reference)
    if reference is None:
        return None
    a, b = paired_runs(record, reference)
    try:
        return paired_difference(a, b) if a else None
    except ValueError as error:
        raise ValueError(
            f'{record.row.system.name} cannot be compared with {reference.row.system.name}: {error}'
        ) from error


def paired_runs(a: Record, b: Record) -> tuple[list[list[SliceRow]], list[list[SliceRow]]]:
    """The slices of two rows, a list for each seed that both have with the same folds."""
    common = a.runs.keys() & b.runs.keys()
    folds = sorted({fold for fold, _ in common}, key=str)
    seeds = complete_seeds(common)
    return tuple(
        [[row for fold in folds for row in r.runs[fold, seed][1]] for seed in seeds] for r in (a, b)
    )
