"""The page of a report in a real browser: tables sort, and a run shows its slices and cases."""

import json

import pytest
from pages import assert_alone, open_page, write_run

from lsnet_mm.visualization.report import report_page

RUNS = ['a/seed0', 'b/seed0', 'b/seed1', 'c/seed0']


@pytest.fixture(scope='module')
def html(tmp_path_factory):
    results = tmp_path_factory.mktemp('results')
    write_run(results / 'a' / 'seed0', 'lsnet')
    path = results / 'a' / 'seed0' / 'result.json'
    result = json.loads(path.read_text())
    result['metrics'] |= {'class/spleen/case/dsc': 61.25, 'class/spleen/case/hd95': 3.5}
    path.write_text(json.dumps(result))
    write_run(results / 'b' / 'seed0', 'unet', tp=(10, 90, 40), gflops=2.5)
    write_run(results / 'b' / 'seed1', 'unet', tp=(0, 5, 0), gflops=0.5)
    write_run(results / 'c' / 'seed0', '<b>lsnet</b>', split='train')
    (results / 'c' / 'seed0' / 'panel.png').unlink()
    return report_page(results)


@pytest.fixture
def page(browser, html, tmp_path):
    open_page(browser, tmp_path / 'report.html', html)
    yield browser
    assert_alone(browser, html)


def column(table, number=0):
    return [row.find_elements('tag name', 'td')[number].text for row in rows(table)]


def rows(table):
    return table.find_elements('css selector', 'tbody tr')


def head(table, label):
    """The head of a column, and its place."""
    heads = table.find_elements('tag name', 'th')
    place = [head.text.split('\xa0')[0] for head in heads].index(label)
    return heads[place].find_element('tag name', 'button'), heads[place], place


def test_runs_are_grouped_by_their_data(page):
    groups = page.find_elements('css selector', '#groups section')
    assert [g.find_element('tag name', 'h2').text for g in groups] == [
        'phantom/test',
        'phantom/train',
    ]
    assert [column(g.find_element('tag name', 'table')) for g in groups] == [RUNS[:3], RUNS[3:]]
    for group in groups:
        images = group.find_elements('tag name', 'img')
        assert len(images) == 2
        for image in images:
            assert page.execute_script('return arguments[0].naturalWidth', image) > 100
        charts = group.find_elements('css selector', 'figure svg[role=img]')
        assert [c.get_attribute('aria-label') for c in charts] == [
            'DSC in validation (%)',
            'Loss in training',
        ]


def test_runs_sort_by_a_click(page):
    table = page.find_element('css selector', '#groups table')
    button, cell, place = head(table, 'DSC')
    button.click()
    down = [float(value) for value in column(table, place)]
    assert down == sorted(down, reverse=True) and len(set(down)) == 3
    assert cell.get_attribute('aria-sort') == 'descending'
    button.click()
    assert [float(value) for value in column(table, place)] == down[::-1]
    assert cell.get_attribute('aria-sort') == 'ascending'
    head(table, 'run')[0].click()
    assert column(table) == RUNS[:3]
    assert cell.get_attribute('aria-sort') is None


def test_what_is_missing_stays_at_the_end(page):
    table = page.find_element('css selector', '#groups table')
    button, _, place = head(table, 'GFLOPs')
    for order in (['2.50', '0.50', '–'], ['0.50', '2.50', '–']):
        button.click()
        assert column(table, place) == order


def test_a_run_shows_its_slices_and_cases(page):
    panel = page.find_element('id', 'panel')
    page.find_elements('css selector', '#groups td button')[1].click()
    assert page.find_element('id', 'run').get_attribute('value') == '1'
    chosen = page.find_elements('css selector', 'tr.chosen')
    assert [row.find_element('tag name', 'td').text for row in chosen] == ['b/seed0']
    assert panel.find_element('tag name', 'img').get_attribute('alt').endswith('of b/seed0')

    cases = page.find_element('css selector', '#cases table')
    button, _, place = head(cases, 'DSC by case')
    button.click()
    assert column(cases) == ['case1', 'case2', 'case0']
    assert column(cases, place)[0] == f'{200 * 90 / 200:.1f}'
    button.click()
    assert column(cases) == ['case0', 'case2', 'case1']


def test_a_run_shows_its_classes(page):
    """Where there are several; another run has no such table."""
    table = page.find_element('css selector', '#classes table')
    assert (column(table), column(table, 1)) == (['spleen'], ['61.3'])
    page.find_element('id', 'run').send_keys('b/')
    assert not page.find_elements('css selector', '#classes table')


def test_a_run_is_chosen_by_the_keyboard(page):
    select = page.find_element('id', 'run')
    select.send_keys('c/')
    assert select.get_attribute('value') == '3'
    assert not page.find_element('id', 'panel').is_displayed(), 'a run without a panel'
    assert (
        page.find_element('css selector', '#cases table')
        .get_attribute('aria-label')
        .endswith('c/seed0')
    )
    page.find_element('css selector', 'summary').click()
    assert 'slice_fg/dsc' in page.find_element('id', 'metrics').text
