"""The tutorials as they stand there, from the first command to the last, at a small size."""

import os
import re
import stat
import subprocess
import sys

import pytest
from helpers import ROOT

FOLDER = ROOT / 'docs' / 'tutorials'
#: A tutorial's blocks for a shell, and those that end with an error, as it says.
BLOCK = re.compile(r'^(<!-- fails: .+ -->\n)?```bash\n(.*?)^```$', re.MULTILINE | re.DOTALL)
#: What a tutorial needs of another one's.
NEEDS = {
    name: 'python tools/make_phantom.py data/phantom\n' for name in ('backbone', 'first_stage')
}
ONE_EPOCH = 'train_cfg.max_epochs=1 {train,val,test}_dataloader.num_workers=0'
FEW = '{train,val,test}_dataloader.dataset.indices=8'
#: Nothing but sizes is another.
SMALL = {
    r'(make_phantom\.py \S+(?: --(?!cases)\S+(?: \d)?)*)(?: --cases \d+)?(.*)': r'\1\2'
    ' --cases 4 --size 64 --slices 8',
    r'(tools/train\.py .*?)(?: --cfg-options)?( \{.+)?$': rf'\1 --cfg-options {ONE_EPOCH} {FEW}\2',
    r'(tools/test\.py .*)': rf'\1 --cfg-options test_dataloader.num_workers=0 {FEW}',
    r'--number 8': '--number 2',
}
WRITTEN = {
    'phantom': ['lsnet_small_phantom/result.json', 'masks/study_001.html'],
    'slices': ['my_slices/result.json', 'slice_masks/*_mask_*.png'],
    'nnunet': ['my_organs/result.json'],
    'backbone': ['my_backbone/epoch_1.pth'],
    'first_stage': ['my_first_stage/result.json', 'by_heart/epoch_1.pth'],
    'clinic': ['clinic/study_003_seg.dcm', 'clinic/run.json', 'clinic_mine/study_003.nii.gz'],
}


def small(text):
    text = re.sub(r' *\\\n +', ' ', text)
    for full, less in SMALL.items():
        text = re.sub(full, less, text, flags=re.MULTILINE)
    return text


def script_of(tutorial):
    text = (FOLDER / f'{tutorial}.md').read_text()
    blocks = (('! ' if fails else '') + block for fails, block in BLOCK.findall(text))
    return small(NEEDS.get(tutorial, '') + ''.join(blocks))


def reader_of(folder):
    """A checkout, and an environment with our commands."""
    (folder / 'bin').mkdir()
    for name in ('configs', 'tools', 'lsnet_mm'):
        (folder / name).symlink_to(ROOT / name)
    scripts = {'python': '', 'lsnet-segment': 'tools/segment.py', 'lsnet-info': 'lsnet_info.py'}
    for name, script in scripts.items():
        path = folder / 'bin' / name
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {script and ROOT / script} "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IEXEC)
    path = f'{folder / "bin"}{os.pathsep}{os.environ["PATH"]}'
    return {**os.environ, 'PATH': path, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}


@pytest.mark.slow
@pytest.mark.parametrize('tutorial', WRITTEN)
def test_a_tutorial_runs_to_its_end(tutorial, tmp_path):
    done = subprocess.run(
        ['bash', '-e', '-o', 'pipefail'],
        input=script_of(tutorial),
        cwd=tmp_path,
        env=reader_of(tmp_path),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    for pattern in WRITTEN[tutorial]:
        assert list((tmp_path / 'work_dirs').glob(pattern)), pattern


def test_every_tutorial_is_run_or_says_why_not():
    for path in FOLDER.glob('*.md'):
        if BLOCK.search(text := path.read_text()) and path.stem not in WRITTEN:
            assert '**Nothing on this page was' in text, path.name
