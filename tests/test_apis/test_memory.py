"""A volume of 512x512x466, the largest of Pancreas-CT, in less than 3 GB."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threshold_segmentor import write_model

from lsnet_mm.experiments.phantom import downloaded_case
from lsnet_mm.volumes import Volume, pack_nifti

ROOT = Path(__file__).parents[2]
MEASURE = r"""
import re, sys
from pathlib import Path
from lsnet_mm.apis.command import main
code = main(sys.argv[1:])
# Not ru_maxrss, which starts at the peak of the process that started this one.
print('PEAK', re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())[1])
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='the peak is read from /proc')
def test_peak_memory(tmp_path):
    """Everything at once that is written for a NIfTI file."""
    small = downloaded_case(0, 1, (128, 128, 24))[0]
    chosen = np.linspace(0, 23, 466).round().astype(int)
    voxels = np.kron(small[..., chosen], np.ones((4, 4, 1), np.int16))
    volume = Volume(np.asfortranarray(voxels), np.diag([-0.7, 0.7, -1, 1]))
    (tmp_path / '1.nii').write_bytes(pack_nifti(volume, compressed=False))
    del volume, voxels
    env = {**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}', 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, '-W', 'ignore', '-c', MEASURE, tmp_path / '1.nii', '-m']
    command += [*write_model(tmp_path / 'model'), '-o', tmp_path / 'out', '--device', 'cpu']
    command += ['--probabilities', '--preview', '--largest-component']
    done = subprocess.run([str(c) for c in command], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.split('PEAK')[1]) * 1024
    assert peak < 3e9, f'{peak / 1e9:.2f} GB'
