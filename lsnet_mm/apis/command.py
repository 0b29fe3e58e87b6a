"""Segment CT studies: from a folder of DICOM or a NIfTI file to a mask that opens in a viewer."""

import argparse
import os
import sys
from pathlib import Path
from signal import SIGINT

import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from ..utils import refuse_unsafe_checkpoints
from ..utils.cli import print_any_name
from ..utils.files import why
from ..volumes import Pool
from .arguments import read_arguments
from .cautions import UNKNOWN
from .dicom_seg import SEGMENTATION_TYPES, check_installed
from .listing import list_series
from .model import model_identity
from .names import give_back, name_studies, outputs_in, write_list
from .run_report import RunReport
from .segmentation import SegmentationJob, load_inferencer, segment_study
from .study import Findings, Study, find_studies
from .tidy_up import TidyUp
from .weights import DEFAULT, find_weights


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        int: 0 if every study is segmented with all that was asked for, 1 if some are, 2 if none is
        or nothing could start.
    """
    print_any_name()
    args = read_arguments(argv)
    if args.list:
        return list_series(args.studies, args.series, args.names)
    rank, ranks = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))
    run = RunReport(args, rank, ranks)
    try:
        run.start()
    except ValueError as error:
        return refuse(run, error)
    except OSError as error:
        return refuse(run, f'{run.path}: {why(error)}. Name another file for the report.')
    try:
        code = segment(args, run)
    except BaseException as error:
        run.reason = f'it was ended by {type(error).__name__}'
        end(run, 128 + SIGINT if isinstance(error, KeyboardInterrupt) else 1)
        raise
    return end(run, code)


def segment(args: argparse.Namespace, run: RunReport) -> int:
    """All that the arguments ask for; what happens is collected in ``run``, and the exit code."""
    try:
        run.job = make_job(args)
    except (ValueError, RuntimeError, OSError) as error:
        return refuse(run, error)
    if (summary := run.job.identity.get('comes_along')) and not run.rank:
        print(f'{run.job.identity["name"]}, which comes along: {summary}')
    found = run.found = find_studies(args.studies, args.series, outputs_in(args.out))
    if load_inferencer(**run.job.model).model.trained_on is None:
        found.notes.append(UNKNOWN)
    if not any(study.pictures for study in found.studies):
        stated = {'--window': args.window and not run.job.trained_window, '--spine': args.spine}
        found.notes += [
            f'{option} is of PNG and JPG slices, and there are none'
            for option, idle in stated.items()
            if idle
        ]
    try:
        studies = name_studies(found.studies, args.out)
        if args.names and not run.rank:
            write_list(args.names, [(study.name, study.source) for study in studies])
    except OSError as error:
        return refuse(run, f'{args.out}: {why(error)}. Name another folder, and free space.')
    if args.workers > 1:  # which inherit this, and read it when they start
        threads = max((os.cpu_count() or 1) // args.workers, 1)
        os.environ.setdefault('OMP_NUM_THREADS', str(threads))
    run.own = studies[run.rank :: run.ranks]
    try:
        with Pool(args.workers) as pool:
            segment_all(run.own, run.job, pool, run.results)
    finally:
        give_back(run.own, args.out)
    if run.rank:  # these are the first process's to tell
        found.notes, found.refused = [], []
    return report(sorted(run.results, key=lambda result: result['name']), found, args.out)


def refuse(run: RunReport, error: object) -> int:
    """Say why nothing can start, here and in the report; the exit code."""
    run.reason = str(error)
    print(run.reason, file=sys.stderr)
    return 2


def end(run: RunReport, code: int) -> int:
    """Write the report; the exit code, which is not 0 if that is impossible."""
    try:
        run.write(code)
    except OSError as error:
        print(f'{run.path}: {why(error)}. It says that the run did not end.', file=sys.stderr)
        return code or 1
    return code


def make_job(args: argparse.Namespace) -> SegmentationJob:
    """What is to be done, after every check that needs no study.

    Raises:
        FileNotFoundError: If config or checkpoint is missing.
        ValueError: If the checkpoint is another config's, the config is not for slices, or the
            device is not there.
        RuntimeError: If the checkpoint is not safe to load, or torch.compile does not work.
    """
    if min(args.workers, args.batch_size) < 1 or args.min_volume < 0:
        raise ValueError('--workers and --batch-size must be at least 1, --min-volume at least 0.')
    if SEGMENTATION_TYPES.keys() & args.kinds:
        check_installed()
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f'{args.out} is no folder. Name one to write to.')
    if not args.unsafe_checkpoint:
        refuse_unsafe_checkpoints()
    config, checkpoint = args.model or (None, find_weights(args.weights or DEFAULT))
    how = dict(dtype=args.dtype, compile=args.compile)
    model = dict(how, model=config, weights=checkpoint, device=args.device or _own_device())
    model['unsafe_checkpoint'] = args.unsafe_checkpoint
    loaded = load_inferencer(**model)  # whatever is wrong with the model is told here, once
    largest = args.largest_component
    if largest is None:
        largest = loaded.tidy_up.largest_component
    return SegmentationJob(
        model,
        model_identity(config, checkpoint, **how),
        args.out,
        args.kinds,
        args.batch_size,
        tidy_up=TidyUp(largest, args.min_volume),
        overwrite=args.overwrite,
        assume_hu=args.assume_hu,
        window=args.window or loaded.picture_window,
        trained_window=tuple(args.window) if args.window and loaded.of_pictures else None,
        spine=args.spine,
    )


def segment_all(
    studies: list[Study], job: SegmentationJob, pool: Pool, results: list[dict]
) -> None:
    """Segment studies with a progress bar of them, and of the slices where one is done at a time.

    What :func:`segment_study` says of each is added to ``results``, where it stays if this is
    interrupted.
    """
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        whole = bar.add_task('studies', total=len(studies))
        alone = pool.workers == 1
        own = bar.add_task('slices', total=None, visible=alone)
        show = [lambda done, total: bar.update(own, completed=done, total=total)] if alone else []
        calls = [(study, job, *show) for study in studies]
        for (study, *_), result in pool.unordered(segment_study, calls):
            if isinstance(result, BaseException):  # the process died, and could not say why
                error = 'its process died. Use fewer --workers: memory may be short.'
                result = {'name': study.name, 'place': study.place, 'error': error}
            results.append(result)
            bar.advance(whole)
        bar.remove_task(own)


def report(results: list[dict], found: Findings, out: Path) -> int:
    """Say what was done, and what was not and why; the exit code."""
    for note in found.notes:
        print(f'note: {note}')
    for result in results:
        about = f'{result["name"]} ({result["place"]})'
        if 'error' in result:
            print(f'{about}: {result["error"]}', file=sys.stderr)
        if 'record' in result:
            volumes = result['record']['classes'].items()
            print(about, *(f'{name} {_amount(one)}' for name, one in volumes), sep=': ')
        elif 'skipped' in result:
            print(f'{about}: skipped, its outputs are there and of this model')
        warn(about, result.get('record') or result.get('kept') or {})
    for message in found.refused:
        print(message, file=sys.stderr)
    failed = found.refused or any('error' in result for result in results)
    done = sum('record' in result or 'skipped' in result for result in results)
    print(f'{done} of {len(results)} studies are segmented in {out}. Not a medical device.')
    return (1 if done else 2) if failed else 0


def warn(about: str, record: dict) -> None:
    """What is to be doubted of a study, now or by the record of before."""
    for note in record.get('notes') or ():
        print(f'warning: {about}: it {note}', file=sys.stderr)
    for caution in record.get('cautions') or ():
        print(f'caution: {about}: {caution}', file=sys.stderr)
    if (judged := record.get('confidence')) and judged['flagged']:
        said = ' '.join([*judged['reasons'], judged['calibration'] or ''])
        print(f'look at it: {about}: {said.strip()}', file=sys.stderr)


def _amount(found: dict) -> str:
    """Of a class, in what is known of it."""
    if 'areas_px' in found:
        return f'{sum(found["areas_px"])} pixels'
    return f'{found["volume_ml"]:.1f} ml'


def _own_device() -> str:
    """Of several processes on a machine, each has a GPU of its own."""
    if not torch.cuda.is_available():
        return 'cpu'
    return f'cuda:{int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()}'
