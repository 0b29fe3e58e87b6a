import json
import runpy
import sys

import pytest
from pages import page_data, write_run

from lsnet_mm.visualization.report import report_page, systems

WITH_A_TEXT = json.dumps(
    dict(
        schema='lsnet_mm.result/1',
        data={},
        metrics={'case/dsc': 'high'},
        gflops=None,
        train=dict(minutes=1),
    )
)


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / 'results'
    write_run(folder / 'a' / 'seed0', 'lsnet')
    write_run(folder / 'b' / 'seed0', 'unet', tp=(90, 20, 0))
    return folder


def test_a_run_is_reduced_to_cases(results):
    (group,) = page_data(report_page(results))['groups']
    run = group['runs'][0]
    assert (run['name'], group['data']) == ('a/seed0', 'phantom/test')
    best, _, worst = run['cases']
    assert best['case'] == 'case0'
    assert best['dsc'] == best['slice_dsc'] == pytest.approx(200 * 80 / 190)
    assert worst['dsc'] == 0
    assert best['box_iou'] == 50


def test_classes_have_a_table_where_there_are_several(results):
    path = results / 'a' / 'seed0' / 'result.json'
    result = json.loads(path.read_text())
    own = {'case/dsc': 70, 'case/precision': 71, 'case/recall': 72, 'slice_fg/dsc': 60}
    result['metrics'] |= {f'class/left lung/{key}': value for key, value in own.items()}
    path.write_text(json.dumps(result))
    several, single = (
        run['classes'] for run in page_data(report_page(results))['groups'][0]['runs']
    )
    scores = dict(dsc=70, precision=71, recall=72, slice_dsc=60, hd95=None)
    assert several == [{'class': 'left lung', **scores}] and single == []


def test_seeds_of_a_config_in_one_folder_are_one_system():
    names = {'a/seed0': 'lsnet', 'a/seed1': 'lsnet', 'b/seed0': 'unet', 'c/seed0': 'unet', '.': 'x'}
    assert systems(list(names.items())) == ['lsnet', 'lsnet', 'b: unet', 'c: unet', 'x']


def test_a_page_repeats_and_has_no_paths(results):
    page = report_page(results)
    assert page == report_page(results)
    assert str(results).encode() not in page
    assert b'a/seed0' in page and b'phantom/test' in page


def test_scores_of_the_training_slices_are_no_run_of_their_own(results):
    page = report_page(results)
    write_run(results / 'a' / 'seed0' / 'train_split', split='train')
    assert report_page(results) == page


def test_curve_and_panel_may_be_missing(results):
    for name in ('curve.json', 'panel.png'):
        (results / 'a' / 'seed0' / name).unlink()
    assert b'"panel":null' in report_page(results)


@pytest.mark.parametrize(
    'name, text, cause',
    [
        ('result.json', '{"schema": 1', 'delimiter'),
        ('result.json', '{"schema": "other/1"}', 'got other/1'),
        ('result.json', '[]', 'not a result'),
        ('result.json', '{"schema": "lsnet_mm.result/1"}', "lacks 'data'"),
        ('result.json', WITH_A_TEXT, 'no number'),
        ('slices.csv', None, 'No such file'),
        ('slices.csv', 'case,slice,area,tp,fp,fn\n', 'no slices'),
        ('slices.csv', 'case,slice,area,tp,fp,fn\na,0,9,,1,1\n', 'line 2 lacks'),
        ('slices.csv', 'case,slice\na,0\n', "lacks 'area'"),
        ('slices.csv', 'case,slice,area,tp,fp,fn\na,0,9,9,0,0\n', 'result.json says'),
        ('curve.json', '{"train": []}', "lacks 'val'"),
        ('curve.json', '{"train": [1], "val": []}', 'int'),
        ('panel.png', 'no picture', 'cannot identify'),
    ],
)
def test_broken_and_foreign_files_are_named(results, name, text, cause):
    file = results / 'a' / 'seed0' / name
    file.unlink()
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError) as caught:
        report_page(results)
    message = str(caught.value)
    assert message.startswith(f'{file}: ') and cause in message and 'tools/test.py' in message


def test_the_tool_writes_whole_files_or_none(results, tmp_path, monkeypatch):
    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['report.py', *map(str, args)])
        runpy.run_path('tools/report.py', run_name='__main__')

    out = tmp_path / 'out' / 'report.html'
    run(results, '-o', out)
    assert out.read_bytes() == report_page(results)
    (results / 'b' / 'seed0' / 'slices.csv').unlink()
    with pytest.raises(SystemExit, match=r'^report: .*slices\.csv: No such file'):
        run(results, '-o', tmp_path / 'other.html')
    assert not list(tmp_path.glob('*other.html*'))
    with pytest.raises(SystemExit, match='^report: no result.json below'):
        run(tmp_path / 'out')
