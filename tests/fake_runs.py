"""Run folders and trainings made by hand, and tools that only pretend to train."""

import json
from pathlib import Path
from zipfile import ZipFile

from lsnet_mm.evaluation.results import write_result, write_slices
from lsnet_mm.experiments.reproduction import arguments, run
from lsnet_mm.experiments.reproduction.run import HASH_FILE, Run
from lsnet_mm.experiments.reproduction.tables import Row, System, Table

TRAIN = """
import json, os, pathlib, sys, time, zipfile
config = pathlib.Path(sys.argv[1])
(config.parent / 'device').write_text(os.environ.get('DEVICE', ''))
(config.parent / 'pid.partial').write_text(str(os.getpid()))
(config.parent / 'pid.partial').rename(config.parent / 'pid')
with open('order.txt', 'a') as file:
    print('train', config.stem, file=file)
if config.stem in {fail!r}:
    print('epoch 1')
    raise RuntimeError('out of memory')
time.sleep({sleep})
log = config.parent / '20260101_000000' / 'vis_data' / 'scalars.json'
log.parent.mkdir(parents=True, exist_ok=True)
log.write_text(json.dumps(dict(epoch={epochs})) + '\\n' + json.dumps({{'slice_fg/dsc': 50}}))
zipfile.ZipFile(config.parent / 'epoch_{epochs}.pth', 'w').close()
(config.parent / 'last_checkpoint').write_text('/elsewhere/epoch_{epochs}.pth')
"""
TEST = """
import json, pathlib, sys
config, checkpoint = map(pathlib.Path, sys.argv[1:])
out = next(x for x in config.read_text().splitlines() if 'out_dir=' in x).split("'")[1]
folder = pathlib.Path(out)
name = config.stem + ('/train' if folder.name == 'train_split' else '')
with open('order.txt', 'a') as file:
    print('test', name, 'of', checkpoint.parent.parent.name, file=file)
folder.mkdir(parents=True)
sha256 = json.loads(pathlib.Path('hashes.json').read_text())[name]
(folder / 'result.json').write_text(json.dumps(dict(config_sha256=sha256)))
"""


def write_fake_tools(root: Path, runs: list[Run], fail: str = '', sleep=0, epochs=48) -> None:
    """``tools/train.py`` and ``tools/test.py`` that end at once.

    They note in ``order.txt`` of the current folder what they were called for.

    Args:
        root: Where to write.
        runs: That they will be called for.
        fail: The config whose training fails.
        sleep: Seconds that a training takes.
        epochs: That it has made in the end.
    """
    (root / 'tools').mkdir(exist_ok=True)
    train = TRAIN.format(fail=[fail], sleep=sleep, epochs=epochs)
    (root / 'tools' / 'train.py').write_text(train)
    (root / 'tools' / 'test.py').write_text(TEST)
    hashes = {run.system.name: run.sha256() for run in runs}
    hashes |= {f'{run.system.name}/train': run.sha256('train_split') for run in runs}
    (root / 'hashes.json').write_text(json.dumps(hashes))


def put_checkpoint(run: Run, epoch: int, sha256: str | None = None) -> None:
    """A work folder as if it had been trained so far, elsewhere, and moved here."""
    run.work_dir.mkdir(parents=True, exist_ok=True)
    (run.work_dir / HASH_FILE).write_text((sha256 or run.sha256(training=True)) + '\n')
    ZipFile(run.work_dir / f'epoch_{epoch}.pth', 'w').close()
    (run.work_dir / 'last_checkpoint').write_text(f'/elsewhere/epoch_{epoch}.pth')


def put_result(run: Run, rows=(), test: str = 'test', **changes) -> Path:
    """A run folder as if it had been tested."""
    result = {
        'config': run.system.name,
        'config_sha256': run.sha256(test),
        'seed': run.seed,
        'metrics': {},
        'params': 2_000_000,
        'gflops': 0.5,
        'localizer': {'params': 1_000_000, 'gflops': 0.25},
        'train': {'epochs': 48, 'minutes': 8.0},
    }
    write_slices(run.tests[test], rows or [{'case': 'a', 'slice': 0}])
    return write_result(run.tests[test], result | changes)


def put_tiny_table(replace=setattr) -> None:
    """A row in place of the tables, whose config ``tiny.py`` lies in the current folder."""
    columns = {'DSC': 'slice_fg/dsc', 'training': 'train/box/miou', 'first': 'localizer/params'}
    row = Row('L-SNet', System.of('tiny'))
    tables = {'small': {4: Table(4, 'Small', (row,), columns, train_split=True)}, 'paper': {}}
    replace(arguments, 'TABLES', tables)
    replace(run, 'find_config', lambda name: Path(f'{name}.py').resolve())
