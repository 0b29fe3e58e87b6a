"""A terminal for what is asked of a run. What OpenMMLab says beside it is kept from the terminal by
name, and stands in the log file."""

import io
import logging
from contextlib import redirect_stdout
from importlib import import_module

from mmengine.logging import MMLogger
from mmengine.runner import Runner

#: How messages begin that are for the log file alone: of a run's start, and of what is not ours to
#: change.
FILE_ONLY = (
    'Config:\n',
    'Hooks will be executed in the following order:',
    '\n' + '-' * 60 + '\nSystem environment:',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias of',
    'The prefix is not set in metric class',
    'Failed to search registry with scope "mmseg" in the "function" registry tree',
)


def import_quietly(module: str) -> None:
    """Imports a module without its word of an optional package, which it prints, or of none."""
    with redirect_stdout(io.StringIO()) as said:
        import_module(module)
    for line in said.getvalue().splitlines():
        if line != 'Could not import OneDL':
            print(line)


class QuietRunner(Runner):
    """mmengine's runner with a terminal that one can read.

    Beside :data:`FILE_ONLY` it leaves out the line of all scores where a hook prints them as a
    table (``prints_scores``).
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """mmengine's, with a filter on what goes to the terminal."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(self._wanted)
        return logger

    def _wanted(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if text.startswith(('Epoch(val)', 'Epoch(test)', 'Iter(val)', 'Iter(test)')):
            tables = any(getattr(hook, 'prints_scores', False) for hook in self._hooks)
            return not (tables and '/dsc: ' in text)
        return not text.startswith(FILE_ONLY)
