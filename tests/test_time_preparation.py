import subprocess
import sys
from pathlib import Path

from lsnet_mm.phantom import write_download

TOOL = Path(__file__).parents[1] / 'tools' / 'time_preparation.py'


def run(*arguments):
    command = [sys.executable, TOOL, *arguments, '--repeats', '1']
    return subprocess.run(command, capture_output=True, text=True)


def test_times(tmp_path):
    data = write_download(tmp_path / 'download', 1, (64, 64, 24), withdrawn=False)
    done = run(data)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[-1] for line in lines] == ['MB/s', 'it', 'second', 'slow']
    assert float(lines[0][2]) > 0 and int(lines[3][-4]) > 1


def test_refused_case_is_no_figure(tmp_path):
    data = write_download(tmp_path / 'download', 1, (64, 64, 24), withdrawn=False)
    sorted(data.rglob('*.dcm'))[7].unlink()
    done = run(data)
    assert done.returncode == 1 and 'PANCREAS_0001' in done.stderr and not done.stdout
