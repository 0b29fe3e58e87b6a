"""Run folders made by hand, and every cell of their table."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fake_runs import put_result

from lsnet_mm.experiments.reproduction.record import read_records
from lsnet_mm.experiments.reproduction.report import (
    boxes,
    breakdown,
    csv_text,
    markdown,
    write_report,
)
from lsnet_mm.experiments.reproduction.run import Run
from lsnet_mm.experiments.reproduction.tables import TABLES, Row, System, Table

RESULTS = Path(__file__).parents[3] / 'results'
COLUMNS = {
    'DSC': 'slice_fg/dsc',
    'DSC, true boxes': 'oracle/slice_fg/dsc',
    'training': 'train/box/miou',
    'validation': 'box/miou',
    'params (M)': 'params',
    'first stage': 'localizer/gflops',
}
UNET, TWO, MISSING = map(
    System.of, ('unet_small_slices', 'lsnet_small_unet_slices', 'fcn_small_slices')
)
TABLE = Table(
    4,
    'Some rows',
    (
        Row('One stage', UNET, TWO, {'DSC': '86.56'}),
        Row('Two stages', TWO, paper={'DSC': '88.20'}),
        Row('Later', MISSING, TWO),
    ),
    COLUMNS,
    train_split=True,
)
HEADER = """\
| system | DSC | DSC, true boxes | training | validation | params (M) | first stage \
| difference | to | seeds | paper: DSC |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | ---: |
"""
MARKDOWN = f"""\
{HEADER}\
| One stage | 45.0 ± 7.1 | - | - | - | 2.00 | - \
| -20.0 [-20.0, -20.0] | Two stages | 0, 1 | 86.56 |
| Two stages | 65.0 ± 7.1 | 90.0 ± 0.0 | 80.0 ± 0.0 | 50.0 ± 0.0 | 2.00 | 0.25 \
| - | - | 0, 1 | 88.20 |
| Later | not run | - | - | - | - | - | - | - | - | - |"""
CSV = (
    'One stage,unet_small_slices,45.0000,7.0711,,,,,,,2.0000,0.0000,,,'
    '-20.0000,-20.0000,-20.0000,lsnet_small_unet_slices,2,0 1,86.56\n'
)


def slices(dsc, iou=None):
    """Two cases whose slices all have this DSC; boxes of that IoU and masks of 90 in true ones."""
    tp, wrong = dsc, 100 - dsc
    rows = []
    for case in ('a', 'b'):
        row = {'case': case, 'slice': 7, 'area': 100, 'tp': tp, 'fp': wrong, 'fn': wrong}
        row |= {'box_iou': iou, 'n_boxes': None if iou is None else 1}
        if iou is not None:
            row |= {'oracle_tp': 90, 'oracle_fp': 10, 'oracle_fn': 10}
        rows.append(row)
    return rows


@pytest.fixture
def results(here):
    """Two seeds of two of the rows."""
    for seed, more in ((0, 0), (1, 10)):
        put_result(Run(UNET, 'slices', seed), slices(40 + more), localizer=None)
        two = Run(TWO, 'slices', seed, train_split=True)
        put_result(two, slices(60 + more, 0.5))
        put_result(two, slices(60, 0.8), test='train_split')
    return here / 'results'


def test_markdown(results):
    assert markdown(TABLE, read_records(TABLE, 'slices', results)) == MARKDOWN


def test_failures_are_scores(here):
    rows = slices(60, 0.05)
    empty = dict(rows[0], slice=8, area=0, tp=0, fp=5, fn=0, box_iou=None)
    put_result(Run(TWO, 'slices', 0), [*rows, empty, dict(empty, slice=9, fp=0, n_boxes=0)])
    put_result(Run(UNET, 'slices', 0), slices(0), localizer=None)
    one, two, _ = read_records(TABLE, 'slices', here / 'results')
    assert [two.scores[key] for key in ('slice_empty/found', 'slice_empty/boxes')] == [[50], [50]]
    assert [two.scores[key] for key in ('slice_fg/failed', 'box/low')] == [[0], [100]]
    assert one.scores['slice_fg/failed'] == [100]
    assert not {'slice_empty/found', 'slice_empty/boxes', 'box/low'} & one.scores.keys()


def test_surfaces_are_those_that_each_fold_has_scored(here):
    for fold, distance in enumerate((2.0, 4.0)):
        for system in (UNET, TWO):
            metrics = {'case/hd95': distance} | ({'case/nsd': 90.0} if fold else {})
            put_result(Run(system, 'slices', 0, fold), slices(60, 0.5), metrics=metrics)
    record = read_records(TABLE, 'slices', here / 'results')[0]
    assert record.scores['case/hd95'] == [3] and 'case/nsd' not in record.scores


def test_csv(results):
    lines = csv_text(TABLE, read_records(TABLE, 'slices', results)).splitlines(True)
    assert lines[1] == CSV
    assert len({line.count(',') for line in lines}) == 1


def test_one_seed_has_no_deviation_and_an_old_result_no_first_stage(results):
    put_result(Run(TWO, 'slices', 0), slices(60, 0.5), localizer=None)
    for system in (UNET, TWO):
        (results / 'slices' / system.name / 'seed1' / 'result.json').unlink()
    text = markdown(TABLE, read_records(TABLE, 'slices', results))
    assert '| One stage | 40.0 | - |' in text
    assert '| Two stages | 60.0 | 90.0 | 80.0 | 50.0 | 2.00 | - |' in text


def test_nothing_was_run(here):
    records = read_records(TABLE, 'slices')
    assert markdown(TABLE, records).count('not run') == 3 and breakdown(records) == ''
    names = [path.name for path in write_report(TABLE, 'slices', 'small')]
    assert names == ['table4_small.md', 'table4_small.csv']


@pytest.mark.parametrize('number', [1, 4])
def test_committed_tables_are_what_the_committed_runs_give(tmp_path, number):
    """Byte for byte, but for pictures, which change with matplotlib."""
    shutil.copytree(RESULTS / 'slices', tmp_path / 'slices', ignore=lambda *_: ['tables'])
    paths = write_report(TABLES['small'][number], 'slices', 'small', tmp_path)
    committed = (RESULTS / 'slices' / 'tables').glob(f'*table{number}_small*')
    assert {path.name for path in paths} == {path.name for path in committed}
    for path in paths:
        twin = RESULTS / path.relative_to(tmp_path)
        assert path.suffix == '.png' or path.read_bytes() == twin.read_bytes(), path.name


def test_results_of_another_config_are_left_out_and_named(results):
    put_result(Run(UNET, 'slices', 1), slices(99), config_sha256='0' * 64)
    text = write_report(TABLE, 'slices', 'small', results)[0].read_text()
    assert '| One stage | 40.0 |' in text
    assert 'another config: `slices/unet_small_slices/seed1`' in text
    assert str(results) not in text


def test_folds_are_one_test_set(here):
    for fold, dsc in ((0, 40), (1, 60)):
        rows = [row | {'case': f'{fold}{row["case"]}'} for row in slices(dsc)]
        put_result(Run(UNET, 'pancreas_ct', 0, fold), rows)
    put_result(Run(UNET, 'pancreas_ct', 1, 0), slices(99))  # its other fold is not there yet
    text = markdown(TABLE, read_records(TABLE, 'pancreas_ct'))
    assert '| One stage | 50.0 | - |' in text
    assert '| 0 (folds 0, 1) |' in text


def test_the_text_below_a_table(results):
    """Two patients flip in four ways, of which two are as far from 0; both are 20 points apart."""
    text = write_report(TABLE, 'slices', 'small', results)[0].read_text()
    assert (
        '\n\nHolm over 1 comparison: One stage - Two stages p = 0.500.\n\n'
        'DSC by case: One stage - Two stages -20.0 [-20.0, -20.0].\n\n'
    ) in text


def test_holm_over_a_table(here):
    """The difference is alike in twelve patients: 2 / 2**12, twice that of two comparisons."""
    for system, dsc in ((UNET, 40), (TWO, 60), (MISSING, 50)):
        rows = [row | {'case': f'{k}{row["case"]}'} for k in range(6) for row in slices(dsc)]
        put_result(Run(system, 'slices', 0), rows)
    text = write_report(TABLE, 'slices', 'small')[0].read_text()
    line = 'One stage - Two stages p < 0.001, Later - Two stages p < 0.001.'
    assert f'Holm over 2 comparisons: {line}' in text
    first, *others = TABLE.rows
    claimed = replace(TABLE, rows=(replace(first, claim=True), *others))
    text = write_report(claimed, 'slices', 'small')[0].read_text()
    assert 'Holm over 1 comparison: One stage - Two stages p < 0.001.' in text
    assert 'DSC by case: One stage - Two stages -20.0 [-20.0, -20.0], Later' in text


def test_folds_that_nothing_was_chosen_on(here):
    for fold in range(3):
        for system, dsc in ((UNET, 40 + fold), (TWO, 60)):
            rows = [row | {'case': f'{fold}{row["case"]}'} for row in slices(dsc, 0.5)]
            put_result(Run(system, 'pancreas_ct', 0, fold), rows)
    (path,) = (p for p in write_report(TABLE, 'pancreas_ct', 'small') if 'kept' in p.name)
    assert path.name == 'table4_small_kept.md'
    assert path.read_text() == (
        '# Table 4, folds 1, 2\n\n'
        '| system | DSC | DSC by case | box mIoU | difference | to | seeds |\n'
        '| --- | ---: | ---: | ---: | ---: | --- | --- |\n'
        '| One stage | 41.5 | 41.5 | 50.0 | -18.5 [-19.0, -18.0] | Two stages | 0 (folds 1, 2) |\n'
        '| Two stages | 60.0 | 60.0 | 50.0 | - | - | 0 (folds 1, 2) |\n\n'
        'Holm over 1 comparison: One stage - Two stages p = 0.125.\n\n'
        'DSC by case: One stage - Two stages -18.5 [-19.0, -18.0].\n'
    )


def put_uneven(seeds=(0, 1)):
    """One system on two folds, another on the first alone, with another fold's figures."""
    for seed in seeds:
        for fold, dsc in ((0, 40), (1, 80)):
            put_result(Run(UNET, 'pancreas_ct', seed, fold), slices(dsc + seed))
    put_result(Run(TWO, 'pancreas_ct', 0, 0), slices(60, 0.5))


@pytest.mark.parametrize('common, dsc', [(True, [40]), (False, [60, 61])])
def test_rows_keep_to_the_runs_that_all_have(here, common, dsc):
    put_uneven()
    table = replace(TABLE, train_split=False, common_runs=common)
    one_stage, two_stages, later = read_records(table, 'pancreas_ct')
    assert one_stage.scores['slice_fg/dsc'] == pytest.approx(dsc)
    assert two_stages.scores['slice_fg/dsc'] == pytest.approx([60]) and not later.runs


def test_rows_with_several_seeds(here):
    put_uneven()
    table = replace(TABLE, train_split=False, common_runs=False)
    (path,) = (p for p in write_report(table, 'pancreas_ct', 'small') if 'seeds' in p.name)
    title, text = path.read_text().split('\n\n', 1)
    assert (path.name, title) == ('table4_small_seeds.md', '# Table 4, fold 0')
    assert '| One stage | 40.5 ± 0.7 |' in text and '\n| Two stages |' not in text


def test_rows_tested_on_different_slices_are_not_compared(results):
    put_result(Run(UNET, 'slices', 0), slices(40)[:1])
    with pytest.raises(ValueError, match='unet_small_slices cannot be compared with lsnet_small'):
        markdown(TABLE, read_records(TABLE, 'slices', results))


def test_breakdown(results):
    """The reference minus the row: one seed's 20 points at 0 to 499 pixels, alike in both cases."""
    assert breakdown(read_records(TABLE, 'slices', results)) == (
        '|  | Two stages - One stage |\n'
        '| --- | ---: |\n'
        '| DSC, 0 to 499 pixels (2 slices) | +20.0 |\n'
        '| DSC, a | +20.0 |\n'
        '| DSC, b | +20.0 |'
    )


def test_boxes(results):
    """Of the one row that has any: all slices are of 100 pixels, all boxes of IoU 0.5."""
    header, _, row = boxes(read_records(TABLE, 'slices', results)).splitlines()
    cells = dict(zip(header.split(' | '), row.rstrip(' |').split(' | '), strict=False))
    assert cells['| system'] == '| Two stages' and cells['box mIoU'] == '50.0 ± 0.0'
    assert cells['boxes below 0.1 IoU'] == cells['slices with DSC 0'] == '0.0 ± 0.0'
    assert row.endswith('| 50.0 | - | - | - |')


def test_a_row_keeps_to_the_folds_whose_training_was_scored(here):
    """Another table has run it on fold 1 too, which its neighbours here have not seen."""
    for fold in (0, 1):
        put_result(Run(TWO, 'slices', 0, fold, train_split=True), slices(60, 0.5))
    put_result(Run(TWO, 'slices', 0, 0, train_split=True), slices(60, 0.8), test='train_split')
    two = TABLE.rows[1]
    (record,) = read_records(replace(TABLE, rows=(two,)), 'slices')
    assert record.folds == [0] and record.scores['train/box/miou'] == pytest.approx([80])
    (record,) = read_records(replace(TABLE, rows=(two,), train_split=False), 'slices')
    assert record.folds == [0, 1]
