import json
import subprocess
import sys
from pathlib import Path

from lsnet_mm.phantom import write_prepared

ROOT = Path(__file__).parents[1]


def test_times_and_waiting_share(tmp_path):
    data = write_prepared(tmp_path / 'phantom', 4, (32, 32, 8))
    log = tmp_path / 'run' / '1' / 'scalars.json'
    log.parent.mkdir(parents=True)
    steps = [{'data_time': 0.1, 'time': 1.0, 'loss': 1}, {'data_time': 0.2, 'time': 2.0, 'loss': 1}]
    # Validation logs its times too, without a loss.
    log.write_text('\n'.join(map(json.dumps, [*steps, {'data_time': 5.0, 'time': 6.0}])))
    command = [sys.executable, ROOT / 'tools' / 'time_loader.py']
    command += [ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py', '--workers', '1']
    command += ['--run', tmp_path / 'run', '--cfg-options']
    command += [f'train_dataloader.dataset.data_root={data}', 'train_dataloader.batch_size=4']
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'LoadCTSlice' in done.stdout and 'slices/s' in done.stdout
    assert done.stdout.split()[-5:] == ['10.0', '%', 'of', 'the', 'steps']
