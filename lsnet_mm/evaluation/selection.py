"""Which slices to look at."""

from collections.abc import Sequence

from .functional import Row, box_scores, nanmean, scores

GROUPS = ('best', 'median', 'worst')


def slice_dsc(rows: Sequence[Row]) -> dict[tuple[str, int], float]:
    """The DSC of each slice with foreground, by (case, slice); the mean over its classes."""
    each: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        if row['area'] > 0:
            dsc = scores(row['tp'], row['fp'], row['fn'])['dsc']
            each.setdefault((row['case'], row['slice']), []).append(dsc)
    return {key: nanmean(values) for key, values in each.items()}


def select_slices(rows: Sequence[Row], count: int) -> list[tuple[str, str, int]]:
    """Choose the best, the median and the worst slices by DSC, a third of ``count`` each.

    Only slices with foreground are ranked; equal ones by case and slice, so that the choice
    repeats. Fewer slices than asked for are all chosen, none twice.

    Args:
        rows: Of the whole test set.
        count: At least 3.

    Returns:
        list: ``group, case, slice``, the groups in the order of :data:`GROUPS`.
    """
    if count < len(GROUPS):
        raise ValueError(f'a panel needs at least {len(GROUPS)} slices, got {count}')
    dsc = slice_dsc(rows)
    ranked = sorted(dsc, key=lambda key: (-dsc[key], key))
    each = min(count, len(ranked)) // 3
    best, worst = each, each
    median = min(count, len(ranked)) - best - worst
    start = (len(ranked) - median) // 2
    chosen = [ranked[:best], ranked[start : start + median], ranked[len(ranked) - worst :]]
    return [(group, *key) for group, keys in zip(GROUPS, chosen, strict=True) for key in keys]


def slice_title(rows: Sequence[Row], case: str, index: int) -> str:
    """Two short lines: the slice, and its scores."""
    own = [row for row in rows if (row['case'], row['slice']) == (case, index)]
    title = f'{case}  slice {index}\nDSC {slice_dsc(own)[case, index]:.1f}'
    if own[0]['n_boxes'] is not None:
        title += f'  box IoU {box_scores(own)["box/miou"]:.1f}' if own[0]['n_boxes'] else '  no box'
    return title
