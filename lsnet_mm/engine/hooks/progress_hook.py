import atexit
import logging

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from ...registry import HOOKS

#: How the lines of a training begin that the bar takes the place of.
STEPS = ('Epoch(train)', 'Iter(train)', 'Saving checkpoint', 'Exp name')


@HOOKS.register_module()
class ProgressHook(Hook):
    """A bar of the training with the time left, in place of its log lines.

    These go to the log file as ever. Where there is no terminal, there is no bar, and the lines
    stay.
    """

    priority = 'VERY_LOW'

    def before_train(self, runner) -> None:
        console = Console(stderr=True)
        shown = console.is_terminal and is_main_process()
        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not shown)
        self._task = self._bar.add_task('training', total=runner.max_iters, completed=runner.iter)
        self._bar.start()
        atexit.register(self._bar.stop)  # or an error would leave a terminal without its cursor
        handlers = runner.logger.handlers if shown else ()
        self._handlers = [h for h in handlers if not isinstance(h, logging.FileHandler)]
        for handler in self._handlers:
            handler.addFilter(self._wanted)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        self._bar.update(self._task, completed=runner.iter + 1)

    def after_train(self, runner) -> None:
        self._bar.stop()
        for handler in self._handlers:
            handler.removeFilter(self._wanted)

    @staticmethod
    def _wanted(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(STEPS)
