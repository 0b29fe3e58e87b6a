"""Damages small studies at random, and compares what the product reads with another reading.

    python tests/fuzz/fuzz.py --seed 1 --count 3000 --keep failures
    python tests/fuzz/fuzz.py --seed 1 --only 417 --keep failures

Every study has to be read as pydicom and nibabel read it, or refused in a sentence that names the
file and the fix, and no patient. It prints how many were, and keeps those that were neither. They
are read in a process of its own, so that a crash or a hang is seen, and whose it is.
"""

import argparse
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from damaged_files import ANY, DICOM  # noqa: E402
from damaged_headers import HEADERS, pick  # noqa: E402
from damaged_nifti import FIELD_DAMAGES, containers  # noqa: E402
from independent import Differs, compare_nifti, compare_series, slices_below  # noqa: E402
from intact import SECRETS, make_nifti, make_series  # noqa: E402

#: Seconds a study may take, and those that a decoder may (by default, two minutes).
PATIENCE, DECODER = 40, 10
#: Bytes above what the process had that a study of some hundred thousand may take.
MEMORY = 150 << 20
FAILURES = (
    *('traceback', 'hang', 'abort', 'memory', 'wrong numbers', 'passed over', 'no sentence'),
    *('names a patient', 'no second reading'),
)


@dataclass
class Outcome:
    """Of one study."""

    number: int
    damages: list[str]
    kinds: set[str] = field(default_factory=set)  #: 'read', 'refused', or of FAILURES.
    said: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.kinds & set(FAILURES))

    def __str__(self) -> str:
        parts = [f'{self.number}: {", ".join(sorted(self.kinds))}', *self.damages, *self.said]
        return '\n    '.join(map(repr, parts))


def make_study(seed: int, number: int, base: Path, damaged: bool) -> tuple[Path, list[str]]:
    """Write a study below ``base``: where it is, and what was done to it."""
    rng = np.random.default_rng([seed, number])
    folder = base / 'study'
    folder.mkdir(parents=True)
    count = int(rng.choice([1, 1, 2, 3])) if damaged else 0
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        damages = (_series if rng.random() < 0.65 else _nifti)(rng, folder, count)
    files = [path for path in folder.iterdir() if path.is_file()]
    alone = len(files) == 1 and '.nii' in files[0].name and rng.random() < 0.5
    return files[0] if alone else folder, damages


def _series(rng: np.random.Generator, folder: Path, count: int) -> list[str]:
    slices, damages = make_series(rng), []
    syntax = slices[0].file_meta.TransferSyntaxUID
    damages.append(f'{len(slices)} slices, {syntax.name}')
    later = int(rng.binomial(count, 0.4))
    for _ in range(count - later):
        with suppress(Exception):  # what the one before has left may not bear another
            damages.append(pick(rng, HEADERS)(rng, slices))
    for k, data in enumerate(slices):
        with suppress(Exception):  # pydicom writes no file, or half of it
            data.save_as(folder / f'1-{k + 1:03d}.dcm')
    for _ in range(later):
        if paths := [path for path in folder.rglob('*') if path.is_file()]:
            with suppress(OSError):  # done before
                damages.append(pick(rng, DICOM)(rng, paths))
    return damages


def _nifti(rng: np.random.Generator, folder: Path, count: int) -> list[str]:
    header, extension, voxels = make_nifti(rng)
    damages = [f'{type(header).__name__} {header.get_data_dtype().str}']
    later = int(rng.binomial(count, 0.3))
    for _ in range(count - later):
        with suppress(Exception):
            voxels, what = pick(rng, FIELD_DAMAGES)(rng, header, voxels)
            damages.append(what)
    name, content, odd = containers(rng, header.binaryblock + extension + voxels, count > 0)
    damages += [odd] if odd else []
    folder.joinpath(name).write_bytes(content)
    for _ in range(later):
        paths = [path for path in folder.rglob('*') if path.is_file()]
        with suppress(OSError):
            damages += [pick(rng, ANY)(rng, paths)] if paths else []  # all may lie behind a link
    return damages


class Reader:
    """A process that reads studies, started again when one of them has ended it.

    Args:
        log: What it prints.
        prepare: Called in it before it reads: to break the product, and see that it is noticed.
    """

    def __init__(self, log: Path, prepare: Callable[[], None] | None = None):
        self.log, self.prepare, self.process = log, prepare, None

    def __enter__(self) -> 'Reader':
        return self

    def __exit__(self, *_) -> None:
        if self.process:
            self.process.kill()
            self.process.join()
            self.process = None

    def read(self, path: Path) -> tuple[set[str], list[str]]:
        """Kinds of an outcome, and what was said."""
        if not self.process:
            context = multiprocessing.get_context('spawn')
            self.pipe, other = context.Pipe()
            args = (other, self.log, self.prepare)
            self.process = context.Process(target=_serve, args=args, daemon=False)
            self.process.start()
            other.close()
            self.pipe.recv()  # it is ready
        kinds, said = set(), []
        self.pipe.send(path)
        for phase in ('abort', 'no second reading'):
            if not self.pipe.poll(PATIENCE):
                kinds.add('hang' if phase == 'abort' else phase)
            else:
                with suppress(EOFError, ConnectionError):
                    more, words = self.pipe.recv()
                    kinds |= more
                    said += words
                    continue
                kinds.add(phase)
            self.__exit__()
            break
        return kinds, said


def _serve(pipe, log: Path, prepare: Callable[[], None] | None) -> None:
    from lsnet_mm.volumes import pixels

    pixels.PATIENCE = DECODER
    file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    import lsnet_mm.apis.study  # noqa: F401  before the limit of memory

    warnings.simplefilter('always')
    if prepare:
        prepare()
    now = _memory('VmSize')
    resource.setrlimit(resource.RLIMIT_AS, (now + (4 << 30),) * 2)
    pipe.send('ready')
    while True:
        path = pipe.recv()
        os.ftruncate(file, 0)
        before = _memory('VmRSS')
        with suppress(OSError):
            Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew
        kinds, said, read, refused, more = _read(path)
        if _memory('VmHWM') - before > MEMORY:
            kinds.add('memory')
            said.append(f'{(_memory("VmHWM") - before) >> 20} MiB')
        sys.stdout.flush()
        sys.stderr.flush()
        printed = log.read_text(errors='replace')
        if found := _secrets('\n'.join([printed, *said])):
            kinds.add('names a patient')
            said.append(f'{found} in {printed[:2000]!r}')
        pipe.send((kinds, said))
        pipe.send(_judge(path, read, refused, [*said, *more]))


def _memory(name: str) -> int:
    found = re.search(rf'{name}:\s+(\d+) kB', Path('/proc/self/status').read_text())
    return int(found[1]) << 10


def _read(path: Path):
    """By the product: kinds, sentences, what was read, and files that were refused."""
    from lsnet_mm.apis.study import find_studies
    from lsnet_mm.volumes import VolumeError

    kinds, said, read, refused, more = set(), [], [], [], []
    try:
        found = find_studies([path])
        said += [*found.refused, *found.notes]
        for study in found.studies:
            files = [study.nifti]
            if not study.nifti:
                files = [header.path for header in study.source.headers]
            try:
                volume = study.load()
                irregular = getattr(volume, 'irregular', None)
                affine = None if irregular else volume.affine
                read.append((bool(study.nifti), [*map(str, files)], volume.voxels, affine))
                said += [*volume.notes, str(irregular or '')]
            except VolumeError as error:
                kinds.add('refused')
                said.append(str(error))
                refused += [*files, *(file.path for file in study.broken)]
                more += [file.reason for file in study.broken[1:]]  # the first one is named
                kinds |= {'no sentence'} if not _is_sentence(str(error)) else set()
    except BaseException:
        kinds.add('traceback')
        said.append(traceback.format_exc())
        return kinds, said, read, refused, more
    said = [one for one in said if one]
    kinds |= {'read'} if read else set()
    kinds |= {'refused'} if found.refused else set()
    kinds |= {'passed over'} if not kinds and not found.notes else set()
    for message in found.refused:
        kinds |= {'traceback'} if 'cannot be searched' in message else set()
        kinds |= {'no sentence'} if not _is_sentence(message) else set()
    return kinds, said, read, refused, more


def _is_sentence(message: str) -> bool:
    """What: why. What to do."""
    if re.search(r'Error|Traceback|unexpected|report it|<|\bNone\b|object at', message):
        return False
    return message.isprintable() and bool(re.fullmatch(r'[^:]+: .+\. [A-Z].*\.', message))


def _secrets(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text.lower()]


def _judge(path: Path, read, refused, said) -> tuple[set[str], list[str]]:
    """What another reading finds that the product does not."""
    kinds, words = set(), []
    for nifti, files, voxels, affine in read:
        try:
            if nifti:
                compare_nifti(files[0], voxels, affine)
            else:
                compare_series(files, voxels, affine)
        except Differs as error:
            kinds.add('wrong numbers')
            words.append(str(error))
        except Exception:
            kinds.add('no second reading')
            words.append(traceback.format_exc())
    if path.is_dir():
        used = {_inode(file) for _, files, *_ in read for file in files}
        used |= {_inode(file) for file in refused}
        lost = [file.name for file in slices_below(path) if _inode(file) not in used]
        told = sum(_told(one) for one in said)
        if len(lost) > told:
            kinds.add('passed over')
            words.append(f'{len(lost)} files, told of {told}: {lost[:9]}')
    return kinds, words


def _told(message: str) -> int:
    """Of how many files one speaks."""
    if many := re.search(r'(\d+) x ', message):
        return int(many[1])
    more = re.search(r'as (\d+) more', message)
    return 1 + int(more[1]) if more else 1


def _inode(path: str | Path) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:  # a link to nowhere
        return None
    return stat.st_dev, stat.st_ino


def fuzz(
    seed: int,
    numbers: range,
    folder: Path,
    damaged: bool = True,
    prepare: Callable[[], None] | None = None,
) -> Iterator[Outcome]:
    """Make, read and judge studies; the folders of those that fail stay."""
    with Reader(folder / 'log', prepare) as reader:
        for number in numbers:
            base = folder / f'{seed}-{number}'
            path, damages = make_study(seed, number, base, damaged)
            kinds, said = reader.read(path)
            outcome = Outcome(number, damages, kinds, said)
            if outcome.failed:
                base.joinpath('outcome.txt').write_text(f'{outcome}\n{chr(10).join(said)}')
            else:
                shutil.rmtree(base)
            yield outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--only', type=int, help='the number of one study')
    parser.add_argument('--keep', type=Path, help='folder for studies that fail')
    args = parser.parse_args()
    keep = args.keep or Path(tempfile.mkdtemp(prefix='fuzz_'))
    keep.mkdir(parents=True, exist_ok=True)
    numbers = range(args.count) if args.only is None else range(args.only, args.only + 1)
    counts, start = Counter(), time.monotonic()
    for outcome in fuzz(args.seed, numbers, keep):
        counts[', '.join(sorted(outcome.kinds))] += 1
        if outcome.failed or args.only is not None:
            print(outcome, flush=True)
    for kinds, count in counts.most_common():
        print(f'{count:7d}  {kinds}')
    print(f'{sum(counts.values()):7d}  studies in {time.monotonic() - start:.0f} s')
    failed = sum(n for kinds, n in counts.items() if set(kinds.split(', ')) & set(FAILURES))
    print(f'{failed:7d}  failed' + (f', kept in {keep}' if failed else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
