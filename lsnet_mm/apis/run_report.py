"""What one run of ``lsnet-segment`` did, as a JSON file for whoever starts it every night."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from ..utils.files import is_absolute, read_json, write_atomic
from ..utils.machine import environment
from .names import RECORD
from .segmentation import SegmentationJob
from .study import Findings, Study

#: What it is known by, so that no other file is replaced.
KIND = 'run of lsnet-segment'
#: Of the record of a study, what stands in the report too.
KEPT = ('classes', 'cautions', 'confidence', 'notes', 'beside', 'seconds')
A_PATH = '[path]'


class RunReport:
    """Collects what happens, and writes it; nothing is written where no file was asked for.

    It is there from the start, with ``exit_status`` null: that is how it stays if the run is
    killed. It holds no path and nothing of a patient; inputs are numbers. Of several processes
    (``torchrun``) each writes its own share, the first to the file itself, the others beside it.

    Args:
        args: Of the command.
        rank: Number of this process.
        ranks: How many there are.

    Attributes:
        job: Once the model is loaded.
        found: Once it was searched for studies; those that are this process's are ``own``.
        results: What became of studies, see :func:`.segmentation.segment_study`; it grows.
        reason: Why nothing could start.
    """

    def __init__(self, args: argparse.Namespace, rank: int = 0, ranks: int = 1) -> None:
        self.args, self.rank, self.ranks = args, rank, ranks
        self.path = args.report
        if args.report and rank:
            self.path = args.report.with_suffix(f'.rank{rank}{args.report.suffix}')
        self.begin, self.date = time.perf_counter(), datetime.now(timezone.utc)
        self.job: SegmentationJob | None = None
        self.found = Findings()
        self.own: list[Study] = []
        self.results: list[dict] = []
        self.reason: str | None = None

    def start(self) -> None:
        """See that the file can be written, before hours of work.

        Raises:
            ValueError: If something else is there.
            OSError: If it cannot be written.
        """
        if not self.path:
            return
        if self.args.names and self.args.names.resolve() == self.path.resolve():
            raise ValueError(f'{self.path} is to be the report and the names. Give two files.')
        if self.path.exists() and read_json(self.path).get('kind') != KIND:
            raise ValueError(f'{self.path} is there, and is no report of a run. Name another file.')
        self.write(None)

    def write(self, status: int | None) -> None:
        """Write what is known by now.

        Args:
            status: The exit status; None before the end.

        Raises:
            OSError: If that is not possible; then the file is as it was.
        """
        if self.path:
            text = json.dumps(self.content(status), indent=2) + '\n'
            write_atomic(self.path, text.encode())

    def content(self, status: int | None) -> dict:
        """All of it, as plain values."""
        results = {result['name']: result for result in self.results}
        inputs = [
            self._input(self.rank + k * self.ranks + 1, study, results.get(study.name))
            for k, study in enumerate(self.own)
        ]
        states = Counter(one['state'] for one in inputs)
        return {
            'kind': KIND,
            'exit_status': status,
            'reason': self.reason and self._without_paths(self.reason),
            'started': self.date.isoformat(timespec='seconds'),
            'seconds': round(time.perf_counter() - self.begin, 2),
            'process': self.rank + 1,
            'processes': self.ranks,
            'environment': self._environment(),
            'model': self.job and self.job.identity,
            'settings': self._settings(),
            'arguments': len(self.args.studies),
            'refused': self.found.refused,
            'notes': self.found.notes,
            'totals': {'studies': len(inputs), **dict(sorted(states.items()))},
            'studies': inputs,
            'notice': 'Not a medical device.',
        }

    def _input(self, number: int, study: Study, result: dict | None) -> dict:
        about = {'number': number, 'study': study.name, 'place': study.place}
        if result is None:
            return about | {'state': 'not reached'}
        record = result.get('record') or {}
        if 'skipped' in result:
            record = read_json(self.job.out / f'{study.name}{RECORD}')
        about['state'] = next(
            (state for state in ('skipped', 'refused') if state in result),
            'segmented' if record else 'failed',
        )
        about['outputs'] = [
            *record.get('files', ()),
            *([f'{study.name}{RECORD}'] if record else ()),
        ]
        about |= {key: record[key] for key in KEPT if key in record}
        return about | {'error': result.get('error')}

    def _environment(self) -> dict | None:
        device = self.job.model['device'] if self.job else 'cpu'
        return environment(device) | ({} if self.job else {'device': None})

    def _settings(self) -> dict:
        """The options, without those that name files."""
        job, taken = self.job, {}
        if job:
            taken = dict(
                largest_component=job.tidy_up.largest_component, device=job.model['device']
            )
            taken['window'] = job.window and list(job.window)
        plain = bool | int | float | str | None
        return {
            name: value
            for name, value in {**vars(self.args), **taken}.items()
            if name not in ('model', 'weights', 'list')
            and all(
                isinstance(one, plain) for one in (value if isinstance(value, list) else [value])
            )
        }

    def _without_paths(self, text: str) -> str:
        """A message of before the first study, which may call files as the user has called them."""
        args = self.args
        files = [*args.studies, *(args.model or ()), args.out, args.names, args.report]
        files += [args.weights] if args.weights and Path(args.weights).suffix else []  # else a name
        files = [Path(file) for file in files if file]
        named = {str(one) for file in files for one in (file, file.absolute(), file.resolve())}
        for path in sorted(named, key=len, reverse=True):
            text = re.sub(rf'(?<![\w/\\]){re.escape(path)}(?!\w)', A_PATH, text)
        words = re.split(r'(\s+)', text)
        return ''.join(A_PATH if is_absolute(word.strip('\'"(`')) else word for word in words)
