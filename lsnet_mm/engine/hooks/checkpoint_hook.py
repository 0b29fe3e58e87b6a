"""Checkpoints that a kill, a crash or a full disk cannot take away."""

import os
from pathlib import Path
from zipfile import ZipFile

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import CheckpointLoader

from ...registry import HOOKS
from ...utils.checkpoint import CheckpointError, newest_first
from ...utils.files import write_atomic


@register_backend('whole_files')
class WholeFiles(LocalBackend):
    """Writes files that are there whole or not at all; what is to be removed stays for the while.

    Attributes:
        outdated: The files to be removed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outdated: set[str] = set()

    def put(self, obj: bytes, filepath: str | Path) -> None:
        path = Path(filepath)
        try:
            write_atomic(path, obj)
        except OSError as error:
            raise CheckpointError(
                f'{path.parent}: {path.name} could not be written ({error.strerror}), and the '
                'training has stopped. What was saved there before is whole: make room, or make '
                'the folder writable, and go on with --resume.'
            ) from error

    def remove(self, filepath: str | Path) -> None:
        self.outdated.add(str(filepath))


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, of which at any moment a whole checkpoint is on the disk.

    That one removes the old file first, writes the new one in place, and then the pointer
    ``last_checkpoint``: a process that is killed meanwhile leaves nothing to resume from. Here a
    file gets its name when it is whole and synced, then the pointer moves, and only then are the
    files removed that ``max_keep_ckpts`` and ``save_best`` no longer want.

    A training that resumes without a file's name (``resume=True`` and no ``load_from``) goes on
    from the newest of its checkpoints that loads, wherever the pointer points, and says so.

    Args:
        **kwargs: Of mmengine's hook. Where they name another place than a local folder, files are
            written by mmengine's backends, in the same order.
    """

    def before_run(self, runner) -> None:
        if runner._resume and runner._load_from is None:
            found = [self._newest(runner) if is_main_process() else None]
            broadcast_object_list(found)
            runner._load_from = found[0]

    def before_train(self, runner) -> None:
        super().before_train(runner)
        if type(self.file_backend) is not LocalBackend:
            return
        self.backend_args, self.file_backend = {'backend': 'whole_files'}, WholeFiles()
        if is_main_process():  # what a killed training was writing
            left = Path(self.out_dir).glob('.*.pth*.partial')
            for partial in (*left, *Path(runner.work_dir).glob('.last_checkpoint.*.partial')):
                partial.unlink()

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        if self.max_keep_ckpts > 0:
            # The file tells of those that are removed after it, too: where a kill prevents that,
            # the training that resumes from it removes them when it starts.
            kept = [*(old for old in self.keep_ckpt_ids if old != step), step]
            runner.message_hub.update_info('keep_ckpt_ids', kept)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            pointer = os.path.join(runner.work_dir, 'last_checkpoint')
            WholeFiles().put(self.last_ckpt.encode(), pointer)
        if self.max_keep_ckpts > 0:
            for old in kept[: -self.max_keep_ckpts]:
                path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
                if is_main_process() and self.file_backend.exists(path):
                    folder = self.file_backend.isdir(path)  # of DeepSpeed
                    (self.file_backend.rmtree if folder else self.file_backend.remove)(path)
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self._remove_outdated()

    def _remove_outdated(self) -> None:
        outdated = getattr(self.file_backend, 'outdated', set())
        best = getattr(self, 'best_ckpt_path_dict', {None: getattr(self, 'best_ckpt_path', None)})
        for path in outdated - {self.last_ckpt, *best.values()}:  # written again meanwhile
            Path(path).unlink(missing_ok=True)
        outdated.clear()

    def _newest(self, runner) -> str | None:
        """The newest checkpoint that loads; None if there is none at all."""
        if '://' in str(self.out_dir):
            return None  # mmengine follows the pointer
        folder, passed = Path(runner.work_dir), []
        pointer = folder / 'last_checkpoint'
        if self.out_dir is not None and Path(self.out_dir) != folder:
            folder = Path(self.out_dir) / folder.name  # as before_train has it
        for path in newest_first(folder, self.filename_tmpl, pointer):
            try:
                _check(path)
            except Exception as error:  # a damaged file makes any of the reader
                passed.append(path.name)
                runner.logger.warning(f'Passed over {path}, which does not load: {error}')
                continue
            over = f'; passed over {", ".join(passed)}' if passed else ''
            runner.logger.info(f'Resuming from {path}, the newest checkpoint that loads{over}.')
            return str(path)
        if passed or pointer.is_file():
            why = f'{", ".join(passed)} do not load' if passed else 'there is none'
            raise CheckpointError(
                f'{folder} has no checkpoint to resume from: {why}. Put back one that you have '
                f'elsewhere, or delete {pointer.name} and what does not load to start again.'
            )
        return None


def _check(path: Path) -> None:
    """Raise an error if a training cannot resume from a file."""
    with ZipFile(path) as file:
        if damaged := file.testzip():  # torch takes what a bad block has made of the weights
            raise ValueError(f'{damaged} in it is damaged')
    checkpoint = CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    if missing := {'meta', 'state_dict', 'message_hub'} - checkpoint.keys():
        raise ValueError(f'it has no {" and no ".join(sorted(missing))}')
