"""The notebook in docs/tutorials runs from its text, and what it says of its numbers is so.

As a script it runs the text and writes the notebook anew: ``python tests/test_notebook.py``.
"""

import json
import os
import re

import jupytext
import nbformat
import pytest
from helpers import ROOT
from nbclient import NotebookClient

LINK = re.compile(r'\]\(((?!https?:)[^)#]+)')
TEXT = ROOT / 'docs' / 'tutorials' / 'first_lsnet.py'
NOTEBOOK = TEXT.with_suffix('.ipynb')
NUMBERS = """
import json
print(json.dumps(dict(
    scores=curve['val'][-1], home=[int(home[True]), int(home[False])], lengths=lengths,
    shares=directions['errors'], rounds=[mean_once, mean_again],
    left_empty=len(silent) / len(empty), volume=volume_dsc,
)))
"""


def read_text():
    """The notebook without outputs, the same at every call."""
    notebook = jupytext.read(TEXT)
    for number, cell in enumerate(notebook.cells):
        cell.id = f'cell-{number}'
    return notebook


def execute(notebook, **env):
    """Runs it where it lies, as an editor does, in a kernel of this Python."""
    client = NotebookClient(
        notebook,
        timeout=1200,
        record_timing=False,
        coalesce_streams=True,
        resources={'metadata': {'path': TEXT.parent}},
    )
    client.execute(env={**os.environ, 'PYTHONPATH': str(ROOT), **env})
    notebook.metadata['language_info'] = {'name': 'python'}


def outputs(notebook):
    """(output, its kinds of data) of all cells that ran."""
    for cell in notebook.cells:
        for output in cell.get('outputs', ()):
            yield output, output.get('data', {})


@pytest.fixture(scope='module')
def committed():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_notebook_is_its_text(committed):
    """What `jupytext --sync` would leave alone."""
    text = read_text()
    assert [(c.cell_type, c.source) for c in committed.cells] == [
        (c.cell_type, c.source) for c in text.cells
    ]
    assert committed.metadata.jupytext == text.metadata.jupytext
    assert text.metadata.jupytext.formats == 'ipynb,py:percent'


def test_outputs_are_small_whole_and_anybodys(committed):
    assert NOTEBOOK.stat().st_size < 400_000
    code = [cell for cell in committed.cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    for output, data in outputs(committed):
        assert output.output_type in ('stream', 'display_data', 'execute_result')
        assert output.get('name') != 'stderr'
        said = json.dumps([output.get('text'), {k: v for k, v in data.items() if 'image' not in k}])
        assert not re.search(r'(?<![\w<])/\w+/|[Ww]arning|WARN', said), said[:500]
        for kind in data:
            assert 'image' not in kind or kind == 'image/png'


def test_a_sentence_says_what_to_see_in_each_figure(committed):
    pictures = [
        k
        for k, cell in enumerate(committed.cells)
        if any('image/png' in output.get('data', {}) for output in cell.get('outputs', ()))
    ]
    assert len(pictures) >= 7
    assert all(committed.cells[k + 1].source.startswith('*') for k in pictures)


def test_links_lead_somewhere(committed):
    for target in LINK.findall('\n'.join(cell.source for cell in committed.cells)):
        assert (NOTEBOOK.parent / target).exists(), target


@pytest.mark.slow
def test_notebook_shows_what_it_says(tmp_path):
    """It runs without a word of warning and leaves no file behind."""
    notebook, before = read_text(), sorted(TEXT.parent.rglob('*'))
    notebook.cells.append(nbformat.v4.new_code_cell(NUMBERS, id='numbers'))
    execute(notebook, TMPDIR=str(tmp_path))
    assert sorted(TEXT.parent.rglob('*')) == before
    assert not list(tmp_path.glob('tmp*'))  # torch has a cache of its own there
    assert not [output for output, _ in outputs(notebook) if output.get('name') == 'stderr']
    numbers = json.loads(notebook.cells[-1].outputs[0].text)
    assert numbers['scores']['case/dsc'] > 75
    assert numbers['scores']['oracle/case/dsc'] > numbers['scores']['case/dsc']
    moving, fixed = numbers['home']
    assert moving > fixed and moving >= 8
    for error, shares in numbers['shares'].items():
        assert shares['moving'] > shares['fixed'] + 0.1, error
    assert numbers['lengths']['0.1'] == pytest.approx(0.1 * numbers['lengths']['1.0'], rel=1e-3)
    assert numbers['lengths']['0.0'] == 0
    assert numbers['rounds'][1] > numbers['rounds'][0]
    assert numbers['left_empty'] > 0.7
    assert numbers['volume'] > 60


if __name__ == '__main__':
    notebook = read_text()
    execute(notebook)
    nbformat.write(notebook, NOTEBOOK)
