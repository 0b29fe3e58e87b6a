import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

import lsnet_mm.evaluation  # noqa: F401  registers
from lsnet_mm.evaluation.results import read_run, write_result, write_slices

ONE_STAGE_KEYS = {
    f'{protocol}/{score}'
    for protocol in ('case', 'slice_fg', 'slice_all', 'pooled')
    for score in ('dsc', 'precision', 'recall')
}
SPACING = (1.0, 1.0, 2.0)
EDGES = ('x1', 'y1', 'x2', 'y2')


def mask(x1=0, y1=0, x2=0, y2=0, label=1):
    out = torch.zeros(1, 16, 16, dtype=torch.uint8)
    out[:, y1:y2, x1:x2] = label
    return out


def sample(case, index, gt, pred, boxes=None, oracle=None, spacing=SPACING):
    out = SegDataSample(gt_sem_seg=PixelData(data=gt), pred_sem_seg=PixelData(data=pred))
    out.set_metainfo({'case': case, 'slice_index': index, 'spacing': spacing})
    if boxes is not None:
        boxes = torch.tensor(boxes, dtype=torch.float).view(-1, 4)
        out.pred_instances = InstanceData(bboxes=boxes, scores=torch.ones(len(boxes)))
    if oracle is not None:
        out.oracle_sem_seg = PixelData(data=oracle)
    return out


def evaluate(samples, classes=('background', 'pancreas'), size=None, **kwargs):
    metric = METRICS.build({'type': 'TwoStageSegMetric', **kwargs})
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {'classes': classes}
    for one in samples:
        evaluator.process([one])
    return evaluator.evaluate(size or len(samples)), metric


def test_one_stage():
    gt = mask(2, 2, 6, 6)
    metrics, metric = evaluate(
        [sample('b', 3, gt, gt), sample('a', 7, gt, mask()), sample('a', 5, mask(), mask())]
    )
    assert set(metrics) == ONE_STAGE_KEYS | {'slice_fg/failed', 'slice_empty/found'}
    assert (metrics['slice_fg/failed'], metrics['slice_empty/found']) == (50, 0)
    assert metrics['case/dsc'] == 50
    assert metrics['slice_all/dsc'] == pytest.approx(200 / 3)
    assert [(r['case'], r['slice']) for r in metric.rows] == [('a', 5), ('a', 7), ('b', 3)]
    counts = dict(case='a', slice=7, area=16, tp=0, fp=0, fn=16)
    assert metric.rows[1] == counts | dict(box_iou=None, n_boxes=None)


def test_two_stage():
    gt = mask(2, 2, 6, 6)
    samples = [
        sample('a', 0, gt, gt, [[2, 2, 6, 6]], gt),
        sample('a', 1, gt, mask(), [], gt),
        sample('a', 2, mask(), mask(0, 0, 2, 2), [[0, 0, 2, 2]], mask()),
    ]
    metrics, metric = evaluate(samples)
    oracle = {f'oracle/{key}' for key in ONE_STAGE_KEYS}
    boxes = {f'box/{k}' for k in ('miou', 'miss', 'miou_center', 'miou_size', 'center', 'size')}
    rates = {'box/low', 'slice_fg/failed', 'slice_empty/found', 'slice_empty/boxes'}
    assert set(metrics) == ONE_STAGE_KEYS | oracle | boxes | rates
    assert (metrics['box/low'], metrics['slice_fg/failed']) == (50, 50)
    assert (metrics['slice_empty/found'], metrics['slice_empty/boxes']) == (100, 100)
    assert metrics['box/miou'] == metrics['box/miss'] == 50
    assert metrics['oracle/case/dsc'] == 100
    assert [r['box_iou'] for r in metric.rows] == [1.0, 0.0, None]
    assert [r['n_boxes'] for r in metric.rows] == [1, 0, 1]
    assert metric.rows[1]['oracle_tp'] == 16
    assert (metrics['box/miou_center'], metrics['box/center']) == (50, 0)


def test_rows_have_the_hull_and_the_true_box(tmp_path):
    samples = [
        sample('a', 0, mask(2, 3, 6, 9), mask(), [[2, 2.25, 6, 6], [1, 3, 5, 8.126]]),
        sample('a', 1, mask(), mask(), []),
    ]
    metrics, metric = evaluate(samples)
    write_slices(tmp_path, metric.rows)
    write_result(tmp_path, {})
    rows = read_run(tmp_path)[1]
    assert rows == metric.rows
    assert [rows[0][f'box_{edge}'] for edge in EDGES] == [1, 2.25, 6, 8.13]
    assert [rows[0][f'gt_{edge}'] for edge in EDGES] == [2, 3, 6, 9]
    assert {rows[1][f'{kind}_{edge}'] for kind in ('box', 'gt') for edge in EDGES} == {None}


def test_ignored_pixels_count_nowhere():
    gt = mask(2, 2, 6, 6)
    gt[:, 8:] = 255
    pred = mask(2, 2, 6, 16)
    metrics, metric = evaluate([sample('a', 0, gt, pred, [[2, 2, 6, 6]])])
    assert metric.rows[0]['fp'] == 8
    assert metrics['box/miou'] == 100


def test_padding_of_a_distributed_sampler_counts_once():
    gt = mask(2, 2, 6, 6)
    samples = [sample('a', 0, gt, gt), sample('a', 1, gt, mask()), sample('a', 0, gt, gt)]
    metrics, metric = evaluate(samples)
    assert len(metric.rows) == 2
    assert metrics['slice_fg/dsc'] == 50


SITES = ('a/images/x_000.png', 'b/images/x_000.png')


@pytest.mark.parametrize('key', ['img_path', 'seg_map_path'])
def test_two_files_of_one_name_are_an_error(key):
    samples = [sample('x', 0, GT, GT) for _ in SITES]
    for one, file in zip(samples, SITES, strict=True):
        one.set_metainfo({'img_path': SITES[0], key: file})
    with pytest.raises(ValueError, match='slice 0 is there twice, of a/.* and of .*b/images'):
        evaluate(samples)
    assert len(evaluate([samples[0], samples[0]])[1].rows) == 1  # a sampler's padding


def test_two_slices_of_one_name_without_files_are_an_error():
    with pytest.raises(ValueError, match=r'of one of \[16\] pixels and of one of \[9\] pixels'):
        evaluate([sample('x', 0, GT, GT), sample('x', 0, mask(2, 2, 5, 5), GT)])


def test_one_case_of_two_data_sets_is_an_error():
    """Their slices need not have a number in common."""
    samples = [sample('x', k, GT, GT) for k in range(2)]
    for one, file in zip(samples, SITES, strict=True):
        one.set_metainfo({'img_path': file, 'data_root': file[0]})
    with pytest.raises(ValueError, match='case x is there twice, of a and of b, and would be'):
        evaluate(samples)
    samples[1].set_metainfo({'data_root': 'a'})
    assert len(evaluate(samples)[1].rows) == 2


def test_several_classes_get_a_column():
    gt = mask(2, 2, 6, 6) + mask(8, 8, 10, 10, label=2)
    classes = ('background', 'pancreas', 'tumour')
    metrics, metric = evaluate([sample('a', 0, gt, mask(2, 2, 6, 6))], classes)
    assert [(r['class'], r['area']) for r in metric.rows] == [(1, 16), (2, 4)]
    assert metrics['case/dsc'] == 50


def test_several_classes_are_scored_one_by_one():
    """Against the metric of each class alone, made binary by hand."""
    gt = [mask(2, 2, 6, 6) + mask(8, 8, 10, 10, label=2), mask(1, 1, 4, 4, label=2)]
    pred = [mask(2, 2, 6, 5) + mask(8, 8, 9, 10, label=2), mask(1, 1, 4, 6, label=2)]
    classes = ('background', 'pancreas', 'gall/bladder')
    samples = [sample('a', k, gt[k], pred[k]) for k in range(2)]
    metrics, _ = evaluate(samples, classes, surface=True)
    for label, name in ((1, 'pancreas'), (2, 'gall_bladder')):
        alone = [
            sample('a', k, (gt[k] == label).byte(), (pred[k] == label).byte()) for k in range(2)
        ]
        expected, _ = evaluate(alone, surface=True)
        for protocol in ('case', 'slice_fg'):
            for score in ('dsc', 'precision', 'recall'):
                key = f'{protocol}/{score}'
                assert metrics[f'class/{name}/{key}'] == pytest.approx(expected[key])
        for key in ('case/hd95', 'case/nsd'):
            assert metrics[f'class/{name}/{key}'] == pytest.approx(expected[key])
    both = [metrics[f'class/{name}/case/dsc'] for name in ('pancreas', 'gall_bladder')]
    assert metrics['case/dsc'] == pytest.approx(np.mean(both))


def test_surface_is_monais():
    gt, pred = [mask(2, 2, 9, 9), mask(3, 3, 9, 9)], [mask(2, 2, 11, 9), mask(3, 5, 9, 9)]
    metrics, _ = evaluate([sample('a', k, gt[k], pred[k]) for k in (1, 0)], surface=True)
    volumes = [torch.stack([m[0] for m in side], -1)[None, None].float() for side in (pred, gt)]
    options = {'include_background': True, 'spacing': list(SPACING)}
    distance = compute_hausdorff_distance(*volumes, percentile=95, **options)
    dice = compute_surface_dice(*volumes, class_thresholds=[2.0], **options)
    assert metrics['case/hd95'] == pytest.approx(float(distance))
    assert metrics['case/nsd'] == pytest.approx(100 * float(dice))


GT = mask(2, 2, 6, 6)


def of_file(path, pred):
    """As MMSegmentation packs it."""
    out = SegDataSample(gt_sem_seg=PixelData(data=GT), pred_sem_seg=PixelData(data=pred))
    out.set_metainfo({'img_path': path})
    return out


def test_a_sample_that_names_no_case_is_one_of_its_own():
    files = ['data/x/img/001.png', 'data/y/img/001.png', 'data/x/img/a.b.png']
    predictions = GT, mask(), mask(2, 2, 6, 4)
    samples = [of_file(*pair) for pair in zip(files, predictions, strict=True)]
    metrics, metric = evaluate([*samples, samples[0]])  # the last by a sampler's padding
    assert [(r['case'], r['slice']) for r in metric.rows] == [
        ('x/img/001', 0),
        ('x/img/a.b', 0),
        ('y/img/001', 0),
    ]
    assert metric.cases == dict(zip(files, ('x/img/001', 'y/img/001', 'x/img/a.b'), strict=True))
    assert metrics['case/dsc'] == metrics['slice_all/dsc'] == pytest.approx((100 + 200 / 3) / 3)


def test_files_of_one_folder_have_their_stems():
    rows = evaluate([of_file(f'/data/img/{k}.png', GT) for k in 'ba'])[1].rows
    assert [row['case'] for row in rows] == ['a', 'b']


def test_two_metrics_with_prefixes():
    metrics = [{'type': 'TwoStageSegMetric', 'prefix': prefix} for prefix in ('one', None)]
    evaluator = Evaluator([METRICS.build(cfg) for cfg in metrics])
    evaluator.dataset_meta = {'classes': ('background', 'pancreas')}
    evaluator.process([sample('a', 0, GT, GT)])
    scores = evaluator.evaluate(1)
    assert scores['one/case/dsc'] == scores['case/dsc'] == 100
    assert len(scores) == 2 * len(evaluate([sample('a', 0, GT, GT)])[0])


@pytest.mark.parametrize(
    ('samples', 'message'),
    [
        ([sample('a', 0, GT, GT), sample('a', 2, GT, GT)], 'contiguous slices'),
        ([sample('a', 0, GT, GT, spacing=None)], 'voxel spacing'),
        (
            [sample('a', 0, GT, GT), sample('a', 1, GT, GT, [])],
            'pred_instances must be in all samples or in none',
        ),
        ([sample(None, 0, GT, GT)], r"lacks \['case'\]"),
        ([sample(None, None, GT, GT)], r"lacks \['case', 'slice_index'\]"),
    ],
)
def test_samples_that_do_not_fit(samples, message):
    with pytest.raises(ValueError, match=message):
        evaluate(samples, surface=True)
