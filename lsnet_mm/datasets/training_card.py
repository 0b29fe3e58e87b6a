"""What a training saw of its data, in plain values that a checkpoint can carry."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ..volumes import NIFTI, open_nifti
from ..volumes.look import slice_look, summary

#: Slices that are looked at, cases whose organs are measured, and slices of each: for the time.
SLICES, CASES, CASE_SLICES = 128, 40, 64
#: Bytes of data that are worth a hash.
HASHED = 1 << 30


def training_card(datasets: Sequence) -> dict:
    """Describe data for whoever has only the model.

    A bounded number of slices is looked at, evenly over cases and within them, as they are after
    loading and windowing: before anything is resized or drawn at random.

    Args:
        datasets: Of mmengine. What one does not say is left None.

    Returns:
        dict: Ranges are a :func:`~lsnet_mm.volumes.look.summary` each, None where nothing is known.

        - ``data``: of each data set ``name``, ``split``, ``fold``, ``slices``, ``cases``,
          ``sha256`` (of at most 1 GiB), ``synthetic``, ``source``.
        - ``synthetic``: whether none is of patients, None where that is not said. ``window``: in
          HU.
        - ``size``: ``rows`` and ``columns``; ``field_of_view``: the same in mm; ``spacing``:
          ``rows``, ``columns`` and ``slices`` in mm.
        - ``look``: see :func:`~lsnet_mm.volumes.look.slice_look`; and ``width``, the side in mm of
          a square of the body's area.
        - ``classes``: of each but the background ``slices``, the share of slices with it,
          ``share`` of such a slice, ``area_mm2`` there, and ``volume_ml`` in a case.
        - ``looked_at``: how many slices.
    """
    about, seen, volumes = [], [], []
    for dataset in datasets:
        cases = _cases(dataset)
        facts = getattr(dataset, 'facts', {})
        about.append(_describe(dataset, len(cases), facts))
        seen += [_look(dataset, info, facts) for info in _sample(cases, SLICES)]
        chosen = [cases[k] for k in _evenly(len(cases), CASES)]
        volumes += [one for one in map(_volumes_ml, chosen) if one is not None]
    names = next((_classes(one) for one in datasets if _classes(one)), ())
    windows = {one['window'] for one in seen}
    return {
        'data': about,
        'synthetic': _all([one['synthetic'] for one in about]),
        'window': list(*windows) if len(windows) == 1 and None not in windows else None,
        'size': _by_axis([one['size'] for one in seen]),
        'spacing': _by_axis([one['spacing'] for one in seen]),
        'field_of_view': _by_axis([one['field'] for one in seen]),
        'look': {
            key: summary(one['look'][key] for one in seen if key in one['look'])
            for key in ('body', 'dark', 'bright', 'grey', 'apart', 'width')
        },
        'classes': {
            name: _describe_class(k, seen, volumes) for k, name in enumerate(names[1:], start=1)
        },
        'looked_at': len(seen),
    }


def _classes(dataset: object) -> Sequence[str]:
    return (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()


def _describe(dataset: object, cases: int, facts: dict) -> dict:
    about = {key: getattr(dataset, key, None) for key in ('name', 'split', 'fold')}
    about |= dict(slices=len(dataset), cases=cases or None, sha256=None)
    if hasattr(dataset, 'sha256'):
        size = sum(path.stat().st_size for pair in dataset.split_files() for path in pair)
        about['sha256'] = dataset.sha256() if size <= HASHED else None
    # Who states facts and says nothing of a phantom has patients.
    synthetic = bool(facts.get('synthetic')) if facts else None
    return about | dict(synthetic=synthetic, source=facts.get('source'))


def _all(answers: list[bool | None]) -> bool | None:
    """Whether all say yes; None if none says no, and one does not say."""
    if False in answers:
        return False
    return None if None in answers else bool(answers)


def _cases(dataset: object) -> list[list[dict]]:
    """Records of slices by case; none of a dataset that has none."""
    if not hasattr(dataset, 'get_data_info') or not hasattr(dataset, 'pipeline'):
        return []
    infos = [dataset.get_data_info(k) for k in range(len(dataset))]
    infos.sort(key=_case)  # a stable order: slices stay in theirs
    return [list(group) for _, group in groupby(infos, key=_case)]


def _case(info: dict) -> str:
    return str(info.get('case', info.get('img_path')))


def _sample(cases: list[list[dict]], count: int) -> Iterator[dict]:
    chosen = [cases[k] for k in _evenly(len(cases), count)]
    for case in chosen:
        yield from (case[k] for k in _evenly(len(case), max(count // len(chosen), 1)))


def _evenly(length: int, count: int) -> list[int]:
    """At most so many indices, in the middles of equal parts."""
    count = min(length, count)
    return [int((k + 0.5) * length / count) for k in range(count)]


def _look(dataset: object, info: dict, facts: dict) -> dict:
    """One slice, loaded and windowed by the dataset's own transforms."""
    window = facts.get('window')
    for transform in dataset.pipeline.transforms:
        windows = hasattr(transform, 'window')
        if windows or type(transform).__name__.startswith('Load'):
            info = transform(info)
            window = transform.window if windows else window
    image, spacing = info.get('img'), info.get('spacing') or facts.get('spacing')
    spacing = spacing and [float(size) for size in spacing]
    size = None if image is None else [int(n) for n in image.shape[:2]]
    field = [n * mm for n, mm in zip(size, spacing, strict=False)] if size and spacing else None
    look = {}
    if size and image.min() >= 0 and image.max() <= 255:  # else no window has made it grey
        # Of neighbours the slice itself, of equal colours any.
        look = slice_look(image if image.ndim == 2 else image[..., image.shape[2] // 2]) or {}
    if look and field:
        look['width'] = (look['body'] * field[0] * field[1]) ** 0.5
    mask = info.get('gt_seg_map')
    return {
        'window': window and tuple(map(float, window)),
        'size': size,
        'spacing': spacing,
        'field': field,
        'look': look,
        'pixels': None if mask is None else np.bincount(mask.ravel(), minlength=256).tolist(),
    }


def _by_axis(values: list[Sequence[float] | None]) -> dict | None:
    """Each axis by itself; None if any is unknown."""
    if not values or None in values:
        return None
    return {
        name: summary(axis)
        for name, axis in zip(
            ('rows', 'columns', 'slices'), zip(*values, strict=True), strict=False
        )
    }


def _describe_class(label: int, seen: list[dict], volumes: list[list[float]]) -> dict:
    known = [one for one in seen if one['pixels']]
    with_it = [one for one in known if one['pixels'][label]]
    mm = [one for one in with_it if one['spacing']]
    return {
        'slices': round(len(with_it) / len(known), 4) if known else None,
        'share': summary(one['pixels'][label] / sum(one['pixels']) for one in with_it),
        'area_mm2': summary(one['pixels'][label] * np.prod(one['spacing'][:2]) for one in mm),
        'volume_ml': summary(one[label] for one in volumes if one[label]),
    }


def _volumes_ml(case: list[dict]) -> list[float] | None:
    """Of each value of a class, where a case is a volume of known spacing."""
    path, spacing = str(case[0].get('seg_map_path', '')), case[0].get('spacing')
    if not spacing or not NIFTI.search(path):
        return None
    labels, counts = open_nifti(Path(path)).dataobj, np.zeros(256, np.int64)
    chosen = _evenly(labels.shape[2], CASE_SLICES)
    for k in chosen:
        counts += np.bincount(np.asarray(labels[..., k], np.uint8).ravel(), minlength=256)
    volumes, ml = np.zeros(256), np.prod(spacing) / 1000 * labels.shape[2] / len(chosen)
    for old, new in (case[0].get('label_map') or {}).items():
        volumes[new] += counts[old] * ml
    return volumes.tolist()
