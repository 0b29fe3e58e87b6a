"""The tool's files, its table, and what it does with a combination that fails."""

import json
from pathlib import Path

import pytest

from lsnet_mm.experiments.combinations import command
from lsnet_mm.experiments.combinations.catalogue import COMBINATIONS, LOCALIZERS
from lsnet_mm.experiments.combinations.command import main, report, row

ROOT = Path(__file__).parents[3]
RESULTS = json.loads((ROOT / 'results' / 'combinations.json').read_text())

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.fixture
def few(monkeypatch, tmp_path):
    """One that works, one without such a backbone, one that needs what is not installed."""
    good = COMBINATIONS['segformer']
    rows = dict(segformer=good, bad=dict(good, localizer='bad'))
    rows['absent'] = dict(good, needs=('no_such_module',))
    monkeypatch.setitem(LOCALIZERS, 'bad', dict(type='NoSuchNet'))
    monkeypatch.setattr(command, 'COMBINATIONS', rows)
    monkeypatch.setattr(command, 'SIZE', 64)
    monkeypatch.chdir(tmp_path)


def test_failures_are_rows_and_end_with_1(few):
    command.DOCS.parent.mkdir()
    command.DOCS.write_text('before\n<!-- combinations -->\n<!-- end -->\nafter\n')  # as at first
    assert main([]) == 1
    results = json.loads(command.OUT.read_text())
    good, bad, absent = results['rows']
    assert good['status'] == 'ok'
    # SegFormer-B0 has 3,752,694 with 150 classes; MMSegmentation's head has four norms for biases.
    assert good['params']['segmentor'] == 3_752_694 - 147 * 257 + 4 * 256
    assert good['losses']['loss_segmentor']['segmentor.decode.loss_ce'] > 0
    assert bad['status'] == 'failed' and bad['reason'].startswith('KeyError: ')
    assert absent == absent | dict(status='not run', reason='no_such_module not installed')
    text = command.DOCS.read_text()
    assert text.startswith('before\n<!-- combinations -->\n1 of 3 combinations trained')
    assert text.endswith(report(results) + '<!-- end -->\nafter\n')
    assert '| not run: no_such_module not installed |' in text and 'failed: KeyError' in text


def test_chosen_rows_are_printed_only(few, tmp_path, capsys):
    assert main(['--rows', 'segformer', 'absent']) == 0
    assert not list(tmp_path.iterdir())
    assert '| segformer | MixVisionTransformer | 3.7 |' in capsys.readouterr().out


def test_a_row_that_is_not_there(few, capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(['--rows', 'segformer', 'unet'])
    assert '--rows: unet not in combinations/catalogue.py' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_document_is_what_the_file_says():
    text = (ROOT / 'docs' / 'combinations.md').read_text()
    assert f'<!-- combinations -->\n{report(RESULTS)}<!-- end -->' in text


def test_the_file_has_all_combinations_as_they_are(monkeypatch):
    monkeypatch.setattr(command, 'find_spec', lambda name: None)  # try none of them
    monkeypatch.setattr(command, 'try_out', lambda *args: {})
    monkeypatch.setattr(command, 'two_stage_model', lambda **entry: None)
    assert [found['name'] for found in RESULTS['rows']] == list(COMBINATIONS)
    for found in RESULTS['rows']:
        expected = row(found['name'])
        for key in ('localizer', 'segmentor', 'changed'):
            assert found[key] == expected[key], found['name']
    done = [found for found in RESULTS['rows'] if found['status'] == 'ok']
    families = {name.removesuffix('V1c') for found in done for name in found['backbones'].values()}
    assert len(done) >= 25 and len(families) >= 12
