"""The tool's files, its table, and what it does with a combination that fails."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lsnet_mm.experiments.combinations import command as module
from lsnet_mm.experiments.combinations.combination import read_combinations
from lsnet_mm.experiments.combinations.command import main, markdown, summary

ROOT = Path(__file__).parents[3]
SMALL = ['--size', '64', '--repeats', '1']

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.fixture
def few(monkeypatch):
    """One that works, one whose S-Net does not fit its backbone, one that needs what is not."""
    good = read_combinations()['segformer']
    bad = replace(good, name='bad', changes=dict(decode_head=dict(in_channels=[1, 2, 3, 4])))
    absent = replace(good, name='absent', needs=('no_such_module',))
    found = {c.name: c for c in (good, bad, absent)}
    monkeypatch.setattr(module, 'read_combinations', lambda: found)
    return found


def test_failures_are_rows_and_end_with_1(few, tmp_path, capsys):
    docs, out = tmp_path / 'docs.md', tmp_path / 'results.json'
    docs.write_text('before\n<!-- combinations -->\n<!-- end -->\nafter\n')  # as at first
    assert main([*SMALL, '--docs', str(docs), '--out', str(out)]) == 1
    results = json.loads(out.read_text())
    good, bad, absent = results['rows']
    assert good['status'] == 'ok' and good['seconds']['step'] > 0
    # SegFormer-B0 has 3,752,694 with 150 classes; MMSegmentation's head has four norms for biases.
    assert good['params']['segmentor'] == 3_752_694 - 147 * 257 + 4 * 256
    assert good['losses']['loss_segmentor']['segmentor.decode.loss_ce'] > 0
    assert bad['status'] == 'failed' and bad['reason'].startswith('RuntimeError: ')
    assert absent == absent | dict(status='not run', reason='no_such_module not installed')
    text = docs.read_text()
    assert text.startswith('before\n<!-- combinations -->\n1 of 3 combinations trained')
    assert text.endswith(markdown(results) + '\n<!-- end -->\nafter\n')
    assert '| not run: no_such_module not installed |' in text and 'failed: RuntimeError' in text


def test_chosen_rows_are_printed_only(few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*SMALL, '--rows', 'segformer', 'absent']) == 0
    assert not list(tmp_path.iterdir())
    assert '| segformer | MixVisionTransformer | 64 |' in capsys.readouterr().out


def test_a_device_that_is_not_there(few, capsys, tmp_path):
    with pytest.raises(SystemExit):
        main([*SMALL, '--out', str(tmp_path / 'new.json'), '--device', 'cuda:99'])
    assert '--device: device cuda:99: ' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_not_there(few, capsys):
    with pytest.raises(SystemExit):
        main(['--rows', 'segformer', 'unet'])
    assert '--rows: unet not in combinations/catalogue.py' in capsys.readouterr().err


def test_the_document_is_what_the_file_says():
    results = json.loads((ROOT / 'results' / 'combinations.json').read_text())
    text = (ROOT / 'docs' / 'combinations.md').read_text()
    expected = f'{summary(results)}\n\n{markdown(results)}'
    assert f'<!-- combinations -->\n{expected}\n<!-- end -->' in text


def test_the_file_has_all_combinations_as_they_are():
    results = json.loads((ROOT / 'results' / 'combinations.json').read_text())
    rows = {row['name']: row for row in results['rows']}
    combinations = read_combinations()
    assert list(rows) == list(combinations)
    for name, combination in combinations.items():
        assert rows[name]['localizer'] == combination.localizer_name
        assert rows[name]['segmentor'] == combination.config
        assert rows[name]['changed'] == sorted(combination.changes)
    done = [row for row in rows.values() if row['status'] == 'ok']
    families = {name.removesuffix('V1c') for row in done for name in row['backbones'].values()}
    assert len(done) >= 25 and len(families) >= 12
