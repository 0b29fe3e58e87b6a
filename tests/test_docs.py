"""Tables in the documents are what the result files say, and what they link to is there.

As a script it brings them up to date: ``python tests/test_docs.py``.
"""

import json
import re
import shutil

import pytest
import yaml
from helpers import ROOT, load_tool

from lsnet_mm.apis.weights import DEFAULT, FOLDER, read_card
from lsnet_mm.evaluation.computation import config_sha256
from lsnet_mm.experiments.benchmark.report import markdown as benchmark_tables
from lsnet_mm.experiments.card import KINDS, card_table, make_card
from lsnet_mm.experiments.held_out import calibration_tables
from lsnet_mm.experiments.reproduction.box_analysis import gradient_table
from lsnet_mm.experiments.reproduction.record import read_records
from lsnet_mm.experiments.reproduction.report import boxes, breakdown, markdown
from lsnet_mm.experiments.reproduction.run import compose, composed_sha256
from lsnet_mm.experiments.reproduction.tables import DATA, TABLES, find_system
from lsnet_mm.version import __version__

#: A marker, a table and its end; a marker without a table takes nothing of what follows.
BODY = r' -->\n((?:(?!<!--).)*?)\n<!-- end -->'
TABLE = re.compile(r'<!-- table: (\S+)' + BODY, re.DOTALL)
PAPER_TABLE = re.compile(
    r'<!-- table (\d)(, short|, where|, boxes|, seeds)?: (\w+) (\w+)' + BODY, re.DOTALL
)
BENCHMARK = re.compile(r'<!-- benchmark: (\S+), ([^>]+)' + BODY, re.DOTALL)
CONFIDENCE = re.compile(r'<!-- confidence: (\S+)' + BODY, re.DOTALL)
GRADIENT = re.compile(r'<!-- box gradient: (\S+)' + BODY, re.DOTALL)
CARDS = re.compile(r'<!-- cards' + BODY, re.DOTALL)
NARROW = re.compile(r'<!-- narrow: (\w+)' + BODY, re.DOTALL)
LINK = re.compile(r'\]\(((?!https?:)[^)#]+)')
#: Of weights that come along, the one first that is taken where none is named.
NAMES = sorted(
    (path.stem for path in FOLDER.glob('*.pth')), key=lambda name: (name != DEFAULT, name)
)
summarize = load_tool('summarize').table
DOCUMENTS = [ROOT / 'README.md', *sorted(ROOT.glob('docs/**/*.md'))]
DOCUMENTS += [ROOT / 'results' / 'benchmark' / 'narrow.md']


def tables(text):
    """Of each table in a document: what it is, its text, and what the files say."""
    for folder, table in TABLE.findall(text):
        yield folder, table, summarize(ROOT / folder)
    for number, kind, data, scale, found in PAPER_TABLE.findall(text):
        table = TABLES[scale][int(number)]
        table = table.short() if kind == ', short' else table
        records = read_records(table, data, ROOT / 'results')
        if kind == ', where':
            expected = breakdown([record for record in records if record.row.paper])
        elif kind == ', boxes':
            expected = boxes(records)
        elif kind == ', seeds':
            file = ROOT / 'results' / data / 'tables' / f'table{number}_{scale}_seeds.md'
            expected = file.read_text().split('\n\n')[1]
        else:
            expected = markdown(table, records)
        yield f'table {number}', found, expected
    for name, title, table in BENCHMARK.findall(text):
        folder = ROOT / 'results' / 'benchmark' / name
        report = benchmark_tables(json.loads((folder / 'benchmark.json').read_text()))
        yield f'{name}, the .md', (folder / 'benchmark.md').read_text(), report
        yield name, table, report.split(f'**{title}**\n\n')[1].split('\n\n')[0].rstrip('\n')
    for name, table in NARROW.findall(text):
        results = json.loads((ROOT / 'results' / 'benchmark' / 'narrow.json').read_text())
        yield name, table, narrow_table(name, results[name])
    for table in CARDS.findall(text):
        yield 'cards', table, card_table([read_card(name) for name in NAMES])
    for name, found in CONFIDENCE.findall(text):
        yield name, found, calibration_tables(json.loads((ROOT / name).read_text()))
    for name, table in GRADIENT.findall(text):
        yield name, table, gradient_table(json.loads((ROOT / name).read_text()))


def narrow_table(name, found):
    """Of a narrow net: its ways to run, or where its time goes."""
    if name == 'ways':
        head = ('way', 'speed', 'logits move by')
        rows = [(way, f'{w["speed"]:.2f}', f'{w["moved"]:.0e}') for way, w in found.items()]
    else:
        head = ('part of the net', '% of the work', '% of the time', '% of the rate reached')
        least = found['least_ms']
        parts = [(part, row['work'], row['ms']) for part, row in found['parts'].items()]
        rows = [
            (part, f'{100 * work:.0f}', f'{100 * ms / found["net_ms"]:.0f}',
             f'{100 * work * least / ms:.0f}' if work else '-')
            for part, work, ms in [*parts, ('all of it', 1, found['net_ms'])]
        ]  # fmt: skip
    ruler = ('---', *['---:'] * (len(head) - 1))
    return '\n'.join(f'| {" | ".join(line)} |' for line in (head, ruler, *rows))


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda p: p.name)
def test_tables_come_from_result_files(path):
    found = list(tables(text := path.read_text()))
    for name, table, expected in found:
        assert table == expected, f'{path.name}: {name} is out of date'
    # Of a benchmark two are compared, its own file too.
    others = text.count('<!-- combinations')
    assert len(found) - len(BENCHMARK.findall(text)) + others == text.count('<!-- end -->')


def test_the_roofline_in_words_is_that_of_the_files():
    words = (ROOT / 'docs' / 'performance.md').read_text().split('## The roofline')[1]
    found = dict(re.findall(r'(\S+): inference \|.*\| (\d+) \|', (
        ROOT / 'results' / 'benchmark' / 'volumes' / 'benchmark.md').read_text()))  # fmt: skip
    narrow = (ROOT / 'results' / 'benchmark' / 'narrow.md').read_text()
    last = re.findall(r'\| (\d+) \|$', narrow, re.MULTILINE)
    wide, two_stages, (_, first, single, whole) = *found.values(), last
    assert f'reaches {wide}% of it and L-SNet {two_stages}%' in ' '.join(words.split())
    assert f'the U-Net reaches {whole}%' in words and f'at full size reach {first}%' in words
    assert f'to one, {single}%' in words


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in LINK.findall(path.read_text()):
        assert (path.parent / target).exists(), f'{path.name} links to {target}'


def test_the_readme_is_short_and_its_configs_can_be_copied():
    readme = (ROOT / 'README.md').read_text()
    named = re.findall(r'configs/[^\s`]+\.py', readme)
    assert len(readme.splitlines()) <= 130
    assert len(named) > 3 and [name for name in named if not (ROOT / name).is_file()] == []


def test_a_release_has_one_version():
    change = re.findall(r'^## \[(.+?)\]', (ROOT / 'CHANGELOG.md').read_text(), re.MULTILINE)
    cited = yaml.safe_load((ROOT / 'CITATION.cff').read_text())['version']
    assert change[:2] == ['Unreleased', __version__] and str(cited) == __version__


@pytest.mark.parametrize('name', NAMES)
def test_cards_are_what_the_files_say(name):
    """And so are the results in metafiles."""
    card = read_card(name)
    assert card == make_card(name, ROOT / 'results')
    [entry] = [
        model
        for path in ROOT.glob('configs/*/metafile.yml')
        for model in yaml.safe_load(path.read_text())['Models']
        if model['Name'] == name
    ]
    scores = card['scores'][KINDS[0]]
    assert (ROOT / entry['Weights']).is_file()
    assert entry['Results'][0]['Metrics'] == {k: scores[k] for k in ('slice DSC', 'DSC by case')}


def elsewhere(system, data, run):
    """The hash of a net of the slices that is tested on slices of another hospital."""
    match = re.fullmatch(r'(?:fold(\d)|all)_seed0', run)
    config = compose(system, 'slices', match[1] and int(match[1])).to_dict()
    test = dict(name=data['name'], split=data['split'])
    if match[1]:
        test |= dict(folds=None, fold=None)
    else:  # trained on all slices, with none left to validate on
        config['train_dataloader']['dataset']['split'] = ['train', 'val']
        config |= dict.fromkeys(('val_dataloader', 'val_cfg', 'val_evaluator'))
    config['test_dataloader']['dataset'].update(test)
    return config_sha256(config)


def test_results_are_those_of_the_configs():
    """A config that changed since its run would leave a figure that no command gives."""
    paths = list(ROOT.glob('results/**/result.json'))
    assert paths
    for path in paths:
        result = json.loads(path.read_text())
        system = find_system(result['config'])
        if result['data']['name'] not in DATA:
            current = {elsewhere(system, result['data'], path.parent.name)}
        else:
            asked = (system, *(result['data'][key] for key in ('name', 'fold', 'split')))
            current = {composed_sha256(*asked, from_scratch) for from_scratch in (False, True)}
        assert result['config_sha256'] in current, f'{path.relative_to(ROOT)} is of another config'


def test_no_result_names_a_missing_folder(tmp_path):
    with pytest.raises(SystemExit, match='no result.json below'):
        summarize(tmp_path)


def put_run(folder, data='slices', **metrics):
    """A committed run under another name, with other scores; a score of None is not there."""
    run = ROOT / 'results' / 'slices' / 'unet_small_slices' / 'fold0_seed0'
    shutil.copytree(run, folder)
    result = json.loads((run / 'result.json').read_text())
    result['data']['name'] = data
    scores = result['metrics'] | metrics
    result['metrics'] = {key: score for key, score in scores.items() if score is not None}
    (folder / 'result.json').write_text(json.dumps(result))


def test_scores_of_training_slices_are_no_run_of_their_own(tmp_path):
    put_run(tmp_path / 'seed0')
    put_run(tmp_path / 'seed0' / 'train_split')
    assert summarize(tmp_path).count('| unet_small_slices | slices/val | 1 |') == 1


def test_runs_of_a_config_are_one_row_of_means(tmp_path):
    """For each data set."""
    for name, dsc in (('fold0_seed0', 40.0), ('fold1_seed0', 60.0)):
        scores = {'slice_fg/dsc': dsc, 'slice_empty/found': 25.0, 'box/miou': None}
        put_run(tmp_path / name, **scores)
    put_run(tmp_path / 'other', 'elsewhere')
    (ours,) = [line for line in summarize(tmp_path).splitlines() if '| slices/val | 2 |' in line]
    cells = ours.split(' | ')
    assert cells[:4] == ['| unet_small_slices', 'slices/val', '2', '50.0']
    assert cells[8:10] == ['-', '25.0']
    assert '| elsewhere/val | 1 |' in summarize(tmp_path)


if __name__ == '__main__':
    for document in DOCUMENTS:
        text = document.read_text()
        for _, table, expected in tables(text):
            text = text.replace(f'\n{table}\n<!-- end', f'\n{expected}\n<!-- end')
        document.write_text(text)
