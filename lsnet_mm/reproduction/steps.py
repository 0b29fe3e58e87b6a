"""The steps of a run: the config file and the command line of each."""

import sys
from pathlib import Path

from mmengine.config import Config

from ..files import write_atomic
from .planning import HASH_FILE
from .run import Run
from .sources import ROOT


def prepare_train(run: Run) -> list[str]:
    """Write what ``tools/train.py`` needs, from the last checkpoint on if there is one.

    Returns:
        list: The command.
    """
    config = run.compose()
    # mmengine removes the old checkpoint before it writes the new one. With two, a process that
    # is killed just then still has one.
    config.default_hooks.checkpoint.max_keep_ckpts = 2
    checkpoint, _ = run.checkpoint()
    if checkpoint is not None:
        config.load_from, config.resume = str(checkpoint), True
    write_atomic(run.work_dir / HASH_FILE, f'{run.training_sha256()}\n'.encode())
    return _command('train', run, config, run.work_dir)


def prepare_test(run: Run, test: str) -> list[str]:
    """Write what ``tools/test.py`` needs for one of ``run.tests``.

    Returns:
        list: The command.
    """
    config = run.compose(test)
    config.default_hooks.result.out_dir = str(run.tests[test])
    folder = run.work_dir if test == 'test' else run.work_dir / test
    return [*_command('test', run, config, folder), str(run.source.checkpoint()[0])]


def _command(tool: str, run: Run, config: Config, folder: Path) -> list[str]:
    config.work_dir = str(folder)
    config.randomness = {**config.get('randomness', {}), 'seed': run.seed}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{run.system.name}.py'  # results are named after the file
    config.dump(path)
    return [sys.executable, str(ROOT / 'tools' / f'{tool}.py'), str(path)]
