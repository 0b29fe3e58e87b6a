"""The recipe of docs/data.md for several classes, as it stands there, from phantom to scores."""

import json
import os
import re
import subprocess
import sys
from textwrap import dedent

import pytest
from helpers import ROOT
from PIL import Image

DOCUMENT = ROOT / 'docs' / 'data.md'
#: Nothing but the sizes is another: 4 small volumes, one iteration.
SMALL = {
    '--organs 2': '--organs 2 --cases 4 --size 64 --slices 8',
    'slices_organs.py': 'slices_organs.py --cfg-options train_cfg.max_epochs=1 '
    'train_dataloader.dataset.indices=8 train_dataloader.num_workers=0 '
    'val_dataloader.num_workers=0',
}


@pytest.fixture(scope='module')
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp('recipe')
    [text] = re.findall(
        r'<!-- recipe -->\n(.*?)<!-- recipe ends -->', DOCUMENT.read_text(), re.DOTALL
    )
    text = dedent(text)
    for full, small in SMALL.items():
        assert text.count(full) == 1
        text = text.replace(full, small)
    (folder / 'bin').mkdir()
    (folder / 'bin' / 'python').symlink_to(sys.executable)
    for name in ('tools', 'configs'):
        (folder / name).symlink_to(ROOT / name)
    path = f'{folder / "bin"}{os.pathsep}{os.environ["PATH"]}'
    env = {**os.environ, 'PATH': path, 'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        ['bash', '-e'], input=text, cwd=folder, env=env, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done.stdout


def test_slices_are_the_volumes(recipe):
    folder, _ = recipe
    masks = sorted((folder / 'data/organ_slices').rglob('masks/*.png'))
    assert len(masks) == 4 * 8
    assert {value for path in masks for value in Image.open(path).get_flattened_data()} == {0, 1, 2}


def test_every_class_has_its_scores(recipe):
    """In the terminal and in the log of the validation."""
    folder, printed = recipe
    [scalars] = (folder / 'work_dirs').rglob('scalars.json')
    last = json.loads(scalars.read_text().splitlines()[-1])
    for name in ('pancreas', 'spleen'):
        assert f'class/{name}/case/dsc' in last and f'{name}/slice_fg' in printed
