"""The tool's files, its table, and what it does with a combination that fails."""

import json
from pathlib import Path

import pytest

from lsnet_mm.experiments.combinations import command
from lsnet_mm.experiments.combinations.catalogue import COMBINATIONS
from lsnet_mm.experiments.combinations.command import main, report, row

ROOT = Path(__file__).parents[3]
SMALL = ['--size', '64', '--repeats', '1']
RESULTS = json.loads((ROOT / 'results' / 'combinations.json').read_text())

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.fixture
def few(monkeypatch):
    """One that works, one whose S-Net does not fit its backbone, one that needs what is not."""
    good = COMBINATIONS['segformer']
    bad = dict(good, changes=dict(decode_head=dict(in_channels=[1, 2, 3, 4])))
    absent = dict(good, needs=('no_such_module',))
    monkeypatch.setattr(command, 'COMBINATIONS', dict(segformer=good, bad=bad, absent=absent))


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
    assert text.endswith(report(results) + '<!-- end -->\nafter\n')
    assert '| not run: no_such_module not installed |' in text and 'failed: RuntimeError' in text


def test_chosen_rows_are_printed_only(few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*SMALL, '--rows', 'segformer', 'absent']) == 0
    assert not list(tmp_path.iterdir())
    assert '| segformer | MixVisionTransformer | 64 |' in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--device', 'cuda:99'], '--device: device cuda:99: '),
        (['--rows', 'segformer', 'unet'], '--rows: unet not in combinations/catalogue.py'),
    ],
)
def test_arguments_that_are_not_there(few, capsys, tmp_path, arguments, message):
    with pytest.raises(SystemExit):
        main([*SMALL, '--out', str(tmp_path / 'new.json'), *arguments])
    assert message in capsys.readouterr().err
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
        expected = row(found['name'], RESULTS['settings']['size'], 1, 'cpu')
        for key in ('localizer', 'segmentor', 'changed', 'sizes'):
            assert found[key] == expected[key], found['name']
    done = [found for found in RESULTS['rows'] if found['status'] == 'ok']
    families = {name.removesuffix('V1c') for found in done for name in found['backbones'].values()}
    assert len(done) >= 25 and len(families) >= 12
