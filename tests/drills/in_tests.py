"""The drills that are tests, as often as they are repeated before a release, and their counts.

    python tests/drills/in_tests.py [NAME ...]

Prints a line of counts a drill, and exits with 1 if one has failed. Disks need root: else skipped.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUTPUTS = 'tests/test_apis/test_outputs.py'
PREPARATION = 'tests/test_preparation/'
DRILLS = {
    'kills in a preparation': [
        PREPARATION + 'test_accidents.py::test_killed_before_a_step_on_disk',
        PREPARATION + 'test_pancreas_ct_preparation.py::test_killed_and_started_again',
    ],
    'kills in a segmentation': [OUTPUTS + '::test_killed_at_every_step'],
    'two preparations at once': [PREPARATION + 'test_accidents.py::test_two_commands_at_once'],
    'two segmentations at once': [OUTPUTS + '::test_two_commands_at_once'],
    'full disks': [
        OUTPUTS + '::test_full_disk',
        PREPARATION + 'test_accidents.py::test_full_disk_that_grows',
        'tests/test_resume.py::test_a_full_disk',
        'tests/test_engine/test_checkpoint_hook.py',
    ],
}


def drill(name: str) -> bool:
    """Run the tests of one, and say what they count."""
    often = {'LSNET_MM_KILLS': '40', 'LSNET_MM_PAIRS': '40', 'PYTHONPATH': str(ROOT)}
    command = [sys.executable, '-m', 'pytest', '-q', '-s', '-rs', *DRILLS[name]]
    done = subprocess.run(
        command, env={**often, **os.environ}, cwd=ROOT, capture_output=True, text=True
    )
    counts = re.findall(r'\d+ (?:kills|pairs|of \d+ steps)\b.*', done.stdout)
    counts += re.findall(r'^SKIPPED.*', done.stdout, re.MULTILINE)
    counts += re.findall(r'\d+ (?:passed|failed|skipped)', done.stdout.splitlines()[-1])
    print(f'{name}: {"; ".join(counts)}', flush=True)
    if done.returncode:
        print(done.stdout[-3000:], file=sys.stderr)
    return not done.returncode


if __name__ == '__main__':
    sys.exit(not all([drill(name) for name in sys.argv[1:] or DRILLS]))
