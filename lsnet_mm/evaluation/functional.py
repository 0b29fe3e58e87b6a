"""Scores from counts: pure functions, in percent, from one slice to the whole test set.

A *row* is what is known of one slice (and class), a plain dict with the keys ``case``, ``slice``,
``area`` (pixels of ground truth), ``tp``, ``fp``, ``fn`` (pixels) and, for two-stage models,
``box_iou`` (in [0, 1]), ``n_boxes``, the hull of the boxes and the box of the ground truth as
``box_x1`` to ``box_y2`` and ``gt_x1`` to ``gt_y2`` (continuous pixels of the slice, None without a
box; results of before have not got them), ``oracle_tp``, ``oracle_fp``, ``oracle_fn``; ``class``
only where there are several foreground classes. Every metric is a function of the rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from torch import Tensor

from .boxes import boxes_around, centers, iou, sides

SliceRow = Mapping[str, object]

#: The four readings of "the DSC of a test set"; papers rarely say which one is theirs.
PROTOCOLS = {
    'case': 'counts summed over the slices of a case, then the mean over cases (3D, the headline)',
    'slice_fg': 'mean over the slices that have foreground in the ground truth',
    'slice_all': 'mean over all slices; empty against empty scores 100',
    'pooled': 'counts summed over everything',
}

#: Columns of the hull of the boxes, and of the box of the ground truth.
HULL, TRUTH = (
    tuple(f'{kind}_{edge}' for edge in ('x1', 'y1', 'x2', 'y2')) for kind in ('box', 'gt')
)

#: Groups of slices that a panel shows.
GROUPS = ('best', 'median', 'worst')

#: Below this IoU with the ground truth a box is elsewhere.
LOW_IOU = 0.1


def counts(
    pred: Tensor, target: Tensor, label: int = 1, ignore_index: int = 255
) -> tuple[int, int, int]:
    """Count the true positive, false positive and false negative pixels of one class.

    Args:
        pred: Predicted labels, any shape.
        target: Ground truth labels, the same shape; ``ignore_index`` is left out of all counts.
        label: The class that counts as positive.
        ignore_index: The label of pixels without ground truth.

    Returns:
        tuple: ``tp, fp, fn`` in pixels.

    Raises:
        ValueError: If the shapes differ.
    """
    if pred.shape != target.shape:
        raise ValueError(
            f'prediction and ground truth must have the same shape, '
            f'got {tuple(pred.shape)} and {tuple(target.shape)}'
        )
    p = (pred == label) & (target != ignore_index)
    t = target == label
    tp = int((p & t).sum())
    return tp, int(p.sum()) - tp, int(t.sum()) - tp


def scores(tp: int, fp: int, fn: int) -> dict[str, float]:
    """Dice similarity coefficient, precision and recall in percent.

    Empty against empty is 100 for all three. Where only one side is empty all three are 0: to
    predict nothing is not precise, and to find something that is not there recalls nothing.

    Returns:
        dict: ``dsc``, ``precision``, ``recall``.
    """
    if tp + fp + fn == 0:
        return {'dsc': 100.0, 'precision': 100.0, 'recall': 100.0}
    return {
        'dsc': 200.0 * tp / (2 * tp + fp + fn),
        'precision': 100.0 * tp / max(tp + fp, 1),
        'recall': 100.0 * tp / max(tp + fn, 1),
    }


def aggregate(
    rows: Sequence[SliceRow], prefix: str = '', protocols: Iterable[str] = tuple(PROTOCOLS)
) -> dict[str, float]:
    """Score the rows by several protocols; several classes are averaged at the end.

    Args:
        rows: One for each slice (and class).
        prefix: Which counts to read: ``''`` or ``'oracle_'``.
        protocols: Names out of :data:`PROTOCOLS`.

    Returns:
        dict: ``<protocol>/<dsc | precision | recall>`` in percent; NaN where there is nothing to
        average, as for ``slice_fg`` without any foreground.
    """
    if unknown := set(protocols) - set(PROTOCOLS):
        raise ValueError(f'unknown protocols {sorted(unknown)}, choose from {list(PROTOCOLS)}')
    out = {}
    for protocol in protocols:
        by_class = [
            [scores(*unit) for unit in _units(group, protocol, prefix)]
            for group in _by(rows, 'class').values()
        ]
        for key in ('dsc', 'precision', 'recall'):
            out[f'{protocol}/{key}'] = nanmean(nanmean(s[key] for s in each) for each in by_class)
    return out


def class_key(name: str) -> str:
    """How the keys of a class's own scores begin."""
    return f'class/{name.replace("/", "_")}'


def class_scores(rows: Sequence[SliceRow], classes: Sequence[str]) -> dict[str, float]:
    """Scores of each class by itself, where there are several.

    Args:
        rows: One for each slice and class.
        classes: Names of the labels from 1 on.

    Returns:
        dict: ``class/<name>/<case | slice_fg>/<dsc | precision | recall>`` in percent.
    """
    found = {}
    for (label,), own in _by(rows, 'class').items():
        scores = aggregate(own, protocols=('case', 'slice_fg')) if label else {}
        found |= {f'{class_key(classes[label - 1])}/{key}': v for key, v in scores.items()}
    return found


def box_scores(rows: Sequence[SliceRow]) -> dict[str, float]:
    """How well the boxes fit, over the slices with foreground.

    Returns:
        dict: ``box/miou``, the mean IoU of the union boxes, a miss counting 0, and ``box/miss``,
        the share of slices without any box; both in percent. With refinement rounds also
        ``box/rounds``, their mean number. Where the rows have the boxes themselves, also

        - ``box/miou_center``: ``box/miou`` if each hull were moved to the true centre, and
          ``box/miou_size``: if it kept its centre and had the true width and height, a miss
          counting 0 in both. What they are above ``box/miou`` is lost to the centre, or size.
        - ``box/center``: mean distance of the centres in percent of the square root of the true
          box's area, and ``box/size``: mean absolute log2 of the ratio of the areas, 1 for half or
          twice the area; both over the slices with a box of some area.
    """
    # Boxes belong to a slice, not to a class: one row is enough for each slice.
    slices = {(r['case'], r['slice']): r for r in rows if r['area'] > 0}.values()
    scores = {
        'box/miou': nanmean(100.0 * r['box_iou'] for r in slices),
        'box/miss': nanmean(100.0 * (r['n_boxes'] == 0) for r in slices),
    }
    if any('rounds' in r for r in slices):
        scores['box/rounds'] = nanmean(r['rounds'] for r in slices)
    if slices and all(r.get(TRUTH[0]) is not None for r in slices):
        scores |= _centers_and_sizes(slices)
    return scores


def failure_rates(rows: Sequence[SliceRow]) -> dict[str, float]:
    """How often a slice goes wrong altogether, in percent of the slices of its kind.

    Classes of a slice count together: it is empty where none is in the ground truth.

    Returns:
        dict: ``slice_fg/failed``, slices with foreground of which not a pixel was found (DSC 0);
        ``slice_empty/found``, empty slices in which foreground was predicted. Where rows have
        boxes also ``box/low``, slices with foreground whose box IoU is below :data:`LOW_IOU`, a
        miss included; and ``slice_empty/boxes``, empty slices with a proposed box. What has no
        slice to count is left out.
    """
    events = defaultdict(list)
    for group in _by(rows, 'case', 'slice').values():
        boxes, iou = group[0].get('n_boxes'), group[0].get('box_iou')
        if any(r['area'] > 0 for r in group):
            events['slice_fg/failed'].append(not any(r['tp'] for r in group))
            if boxes is not None:
                events['box/low'].append(iou < LOW_IOU)
        else:
            events['slice_empty/found'].append(any(r['fp'] for r in group))
            if boxes is not None:
                events['slice_empty/boxes'].append(boxes > 0)
    return {key: 100.0 * float(np.mean(values)) for key, values in events.items()}


def all_scores(rows: Sequence[SliceRow], protocols: Iterable[str]) -> dict[str, float]:
    """All that rows tell: :func:`aggregate`, also with true boxes (``oracle/...``), where they have
    these, :func:`failure_rates` and :func:`box_scores`."""
    found = aggregate(rows, protocols=protocols) | failure_rates(rows)
    if rows[0].get('n_boxes') is not None:
        found |= box_scores(rows)
    if rows[0].get('oracle_tp') is not None:
        oracle = aggregate(rows, 'oracle_', protocols)
        found |= {f'oracle/{key}': value for key, value in oracle.items()}
    return found


def slice_dsc(rows: Sequence[SliceRow]) -> dict[tuple[str, int], float]:
    """The DSC of each slice with foreground, by (case, slice); the mean over its classes."""
    return {
        key: nanmean(scores(row['tp'], row['fp'], row['fn'])['dsc'] for row in group)
        for key, group in _by([row for row in rows if row['area'] > 0], 'case', 'slice').items()
    }


def select_slices(rows: Sequence[SliceRow], count: int) -> list[tuple[str, str, int]]:
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
    count = min(count, len(ranked))
    each, median = count // 3, count - 2 * (count // 3)
    start = (len(ranked) - median) // 2
    chosen = ranked[:each], ranked[start : start + median], ranked[len(ranked) - each :]
    return [(group, *key) for group, keys in zip(GROUPS, chosen, strict=True) for key in keys]


def slice_title(rows: Sequence[SliceRow], case: str, index: int) -> str:
    """Two short lines: the slice, and its scores."""
    own = [row for row in rows if (row['case'], row['slice']) == (case, index)]
    title = f'{case}  slice {index}\nDSC {slice_dsc(own)[case, index]:.1f}'
    if own[0]['n_boxes'] is not None:
        title += f'  box IoU {box_scores(own)["box/miou"]:.1f}' if own[0]['n_boxes'] else '  no box'
    return title


def nanmean(values: Iterable[float]) -> float:
    """The mean of the values that are not NaN; NaN, without a warning, if there are none."""
    known = [v for v in values if v == v]
    return float(np.mean(known)) if known else float('nan')


def _centers_and_sizes(slices: Iterable[SliceRow]) -> dict[str, float]:
    boxes, truth = (
        np.array([[r[key] for key in keys] for r in slices], dtype=float) for keys in (HULL, TRUTH)
    )
    area, true_area = sides(boxes).prod(-1), sides(truth).prod(-1)
    found = area > 0  # a miss is NaN, and its IoU is 0
    shift = np.linalg.norm(centers(boxes) - centers(truth), axis=-1) / np.sqrt(true_area)
    moved, resized = (
        iou(boxes_around(centers(c), sides(s)), truth) for c, s in ((truth, boxes), (boxes, truth))
    )
    return {
        'box/miou_center': 100.0 * nanmean(moved),
        'box/miou_size': 100.0 * nanmean(resized),
        'box/center': 100.0 * nanmean(shift[found]),
        'box/size': nanmean(abs(np.log2(area[found] / true_area[found]))),
    }


def _units(rows: Sequence[SliceRow], protocol: str, prefix: str = '') -> list[tuple[int, int, int]]:
    """The counts of the units that a protocol averages over."""
    groups = {
        'case': lambda: _by(rows, 'case').values(),
        'slice_fg': lambda: [[r] for r in rows if r['area'] > 0],
        'slice_all': lambda: [[r] for r in rows],
        'pooled': lambda: [rows],
    }[protocol]()
    names = [prefix + name for name in ('tp', 'fp', 'fn')]
    return [tuple(sum(r[name] for r in group) for name in names) for group in groups]


def _by(rows: Iterable[SliceRow], *keys: str) -> dict[tuple, list[SliceRow]]:
    """Rows by the values of some columns, in the order of their first."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row.get(key) for key in keys)].append(row)
    return groups
