import os.path
import zlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from ..models.geometry import mask_to_box
from ..registry import METRICS
from .boxes import hull, union_box_iou
from .functional import (
    HULL,
    TRUTH,
    aggregate,
    box_scores,
    class_key,
    class_scores,
    counts,
    failure_rates,
    nanmean,
)
from .surface import check_volume, hd95, nsd


@METRICS.register_module()
class TwoStageSegMetric(BaseMetric):
    """Masks and boxes of one- and two-stage segmentors, under every protocol at once.

    Keys, in percent: ``{case,slice_fg,slice_all,pooled}/{dsc,precision,recall}``,
    of several classes their means, and ``class/<name>/`` with those by case and by slice of each;
    ``slice_fg/failed`` and ``slice_empty/found``; for two-stage models also ``box/miou``,
    ``box/miss`` and what centres and sizes cost (see :func:`box_scores`), ``box/low`` and
    ``slice_empty/boxes`` (see ``failure_rates``) and, where the model predicts with
    ground-truth boxes too, the first set again under ``oracle/``. With ``surface`` also
    ``case/hd95`` in mm and ``case/nsd`` (tolerance 2 mm) in percent.

    The box of the ground truth is the box of its mask, so that all slices with foreground count,
    whatever minimum area the pipeline asks of an object.

    A sample that names no case, as one of MMSegmentation's own datasets, is a case of its own: its
    file, below the folder that all such files share, as slice 0.

    After :meth:`compute_metrics`, ``rows`` holds what the metrics were computed from, sorted by
    case and slice (see ``lsnet_mm.evaluation.functional`` for the columns), and ``cases`` the
    case of each file that gave one its name.

    Args:
        surface: Score surfaces too. Needs MONAI, contiguous slices and a known voxel spacing.
        ignore_index: The label of pixels left out of all counts.
        **kwargs: Of ``BaseMetric``: ``collect_device``, ``collect_dir`` and ``prefix``, which goes
            before each key, so that one evaluator can have two of these.
    """

    default_prefix = ''  # not None, of which mmengine warns

    def __init__(self, surface: bool = False, ignore_index: int = 255, **kwargs) -> None:
        super().__init__(**kwargs)
        self.surface = surface
        self.ignore_index = ignore_index
        self.rows: list[dict] = []
        self.cases: dict[str, str] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the foreground classes; one where the dataset does not name its classes."""
        return tuple((self.dataset_meta or {}).get('classes', ())[1:]) or ('foreground',)

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Reduce each sample to its rows, one item a sample as ``collect_results`` counts them."""
        for sample in data_samples:
            labels = range(1, len(self.classes) + 1)
            item = {'rows': [self._row(sample, label) for label in labels]}
            item |= {'files': _files(sample, item['rows']), 'root': sample.get('data_root')}
            item['file'] = sample.get('img_path')
            if self.surface:
                target = sample['gt_sem_seg']['data']
                pred = _labels(sample, 'pred_sem_seg') * (target != self.ignore_index)
                item |= {'spacing': sample.get('spacing'), 'maps': (_pack(pred), _pack(target))}
            self.results.append(item)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score all samples; a sample that a sampler repeated to fill a batch counts once.

        Raises:
            ValueError: If two files are one slice by their names, or two data sets have one case.
        """
        self.cases = _name_by_file(results)
        _check_identity(results, ('case', 'slice'), 'files')
        _check_identity(results, ('case',), 'root')
        unique = {(i['rows'][0]['case'], i['rows'][0]['slice']): i for i in results}
        items = [unique[key] for key in sorted(unique)]
        self.rows = [row for item in items for row in item['rows']]

        metrics = aggregate(self.rows) | class_scores(self.rows, self.classes)
        if self.surface:
            metrics.update(_surface_scores(items, self.classes))
        if _all_or_none(self.rows, 'n_boxes', 'pred_instances'):
            metrics.update(box_scores(self.rows))
        metrics.update(failure_rates(self.rows))
        if _all_or_none(self.rows, 'oracle_tp', 'oracle_sem_seg'):
            oracle = aggregate(self.rows, 'oracle_')
            metrics.update({f'oracle/{key}': value for key, value in oracle.items()})
        return metrics

    def _row(self, sample: dict, label: int) -> dict:
        missing = [key for key in ('case', 'slice_index') if sample.get(key) is None]
        if missing and (len(missing) == 1 or not sample.get('img_path')):
            raise ValueError(
                f'a sample lacks {missing}: name them in meta_keys where the pipeline packs it'
            )
        target = sample['gt_sem_seg']['data']
        count = {'ignore_index': self.ignore_index, 'label': label}
        tp, fp, fn = counts(_labels(sample, 'pred_sem_seg'), target, **count)
        row = {'case': None, 'slice': 0}  # named when all files are known
        if not missing:
            row = {'case': str(sample['case']), 'slice': int(sample['slice_index'])}
        if len(self.classes) > 1:
            row['class'] = label
        row.update(area=tp + fn, tp=tp, fp=fp, fn=fn, box_iou=None, n_boxes=None)
        if 'pred_instances' in sample:
            boxes = sample['pred_instances']['bboxes']
            row['n_boxes'] = len(boxes)
            truth = mask_to_box(((target > 0) & (target != self.ignore_index))[0])
            row['box_iou'] = union_box_iou(boxes, truth) if len(truth) else None
            for keys, of in ((HULL, boxes), (TRUTH, truth)):
                edges = hull(of).round(2).tolist() if len(of) else [None] * 4
                row.update(zip(keys, edges, strict=True))
        if sample.get('n_rounds') is not None:
            row['rounds'] = sample['n_rounds']
        if 'oracle_sem_seg' in sample:
            oracle = counts(_labels(sample, 'oracle_sem_seg'), target, **count)
            row.update(zip(('oracle_tp', 'oracle_fp', 'oracle_fn'), oracle, strict=True))
        return row


def _name_by_file(items: list[dict]) -> dict[str, str]:
    """Gives the rows of items without a case the names of their files, and returns these.

    A stem alone would not do: data sets have ``001.png`` in each of several folders.
    """
    nameless = [item for item in items if item['rows'][0]['case'] is None]
    full = {item['file']: os.path.abspath(item['file']) for item in nameless}
    shared = os.path.commonpath([os.path.dirname(path) for path in full.values()]) if full else ''
    names = {
        file: Path(path).relative_to(shared).with_suffix('').as_posix()
        for file, path in full.items()
    }
    for item in nameless:
        for row in item['rows']:
            row['case'] = names[item['file']]
    return names


def _files(sample: dict, rows: list[dict]) -> str:
    """Where a sample is from; where it does not say so, its areas tell most slices apart."""
    files = [sample[key] for key in ('img_path', 'seg_map_path') if sample.get(key)]
    return ' with '.join(files) or f'one of {[row["area"] for row in rows]} pixels'


def _check_identity(items: list[dict], keys: tuple[str, ...], source: str) -> None:
    """All items of one name have to be of one source."""
    sources = {}
    for item in items:
        name = ', '.join(f'{key} {item["rows"][0][key]}' for key in keys)
        other = sources.setdefault(name, item[source])
        if other != item[source]:
            raise ValueError(
                f'{name} is there twice, of {other} and of {item[source]}, and would be scored as '
                'one. Give the cases of each data set names of their own, or test the sets one by '
                'one.'
            )


def _surface_scores(items: list[dict], classes: Sequence[str]) -> dict[str, float]:
    """``case/hd95`` and ``case/nsd`` of items sorted by case and slice, of several classes each."""
    scores = defaultdict(list)
    for case, group in groupby(items, key=lambda item: item['rows'][0]['case']):
        group = list(group)
        rows, spacing = group[0]['rows'], group[0]['spacing']
        check_volume(case, [item['rows'][0]['slice'] for item in group], spacing)
        sides = zip(*(item['maps'] for item in group), strict=True)
        volumes = [torch.stack([_unpack(*slice_) for slice_ in side], dim=-1) for side in sides]
        for label in (row.get('class', 1) for row in rows):
            pred, target = (volume == label for volume in volumes)
            own = [f'{class_key(classes[label - 1])}/'] if len(classes) > 1 else []
            for name in ('', *own):
                scores[f'{name}case/hd95'].append(hd95(pred, target, spacing))
                scores[f'{name}case/nsd'].append(nsd(pred, target, spacing))
    return {key: nanmean(values) for key, values in scores.items()}


def _all_or_none(rows: Sequence[dict], key: str, field: str) -> bool:
    known = sum(row.get(key) is not None for row in rows)
    if known not in (0, len(rows)):
        raise ValueError(f'{field} must be in all samples or in none, got {known} of {len(rows)}')
    return known > 0


def _labels(sample: dict, field: str) -> Tensor:
    return sample[field]['data'].to(sample['gt_sem_seg']['data'].device)


def _pack(labels: Tensor) -> tuple[bytes, tuple[int, int]]:
    """A label map; about a thousand bytes instead of 256 KiB."""
    labels = labels[0].byte().cpu().numpy()
    return zlib.compress(labels.tobytes()), labels.shape


def _unpack(data: bytes, shape: tuple[int, int]) -> Tensor:
    return torch.frombuffer(bytearray(zlib.decompress(data)), dtype=torch.uint8).view(shape)
