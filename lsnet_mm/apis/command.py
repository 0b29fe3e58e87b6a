"""Segment CT studies: from a folder of DICOM or a NIfTI file to a mask that opens in a viewer."""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from ..utils import refuse_unsafe_checkpoints
from ..utils.cli import print_any_name
from ..utils.files import why
from ..volumes import Pool
from .arguments import build_parser
from .cautions import UNKNOWN
from .dicom_seg import MISSING
from .model import model_identity
from .names import give_back, name_studies, write_list
from .segmentation import SegmentationJob, load_inferencer, segment_study
from .study import Findings, Study, find_studies
from .volume_predictor import TidyUp


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        int: 0 if every study is segmented with all that was asked for, 1 if some are, 2 if none is
        or nothing could start.
    """
    print_any_name()
    parser = build_parser()
    args = parser.parse_args(argv)
    if min(args.workers, args.batch_size) < 1 or args.min_volume < 0:
        parser.error('--workers and --batch-size must be at least 1, --min-volume at least 0')
    try:
        job = make_job(args)
    except (ValueError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    rank, ranks = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))
    found = find_studies(args.studies)
    if load_inferencer(**job.model).model.trained_on is None:
        found.notes.append(UNKNOWN)
    try:
        studies = name_studies(found.studies, args.out)
        if args.list and not rank:
            write_list(args.list, studies)
    except OSError as error:
        print(f'{args.out}: {why(error)}. Name another folder, and free space.', file=sys.stderr)
        return 2
    if args.workers > 1:  # which inherit this, and read it when they start
        threads = max((os.cpu_count() or 1) // args.workers, 1)
        os.environ.setdefault('OMP_NUM_THREADS', str(threads))
    own = studies[rank::ranks]
    try:
        with Pool(args.workers) as pool:
            results = segment_all(own, job, pool)
    finally:
        give_back(own, args.out)
    if rank:  # these are the first process's to tell
        found.notes, found.refused = [], []
    return report(results, found, args.out)


def make_job(args: argparse.Namespace) -> SegmentationJob:
    """What is to be done, after every check that needs no study.

    Raises:
        FileNotFoundError: If config or checkpoint is missing.
        ValueError: If the checkpoint is another config's, the config is not for slices, or the
            device is not there.
        RuntimeError: If the checkpoint is not safe to load, or torch.compile does not work.
    """
    if 'dicom_seg' in args.kinds and find_spec('highdicom') is None:
        raise ValueError(MISSING)
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f'{args.out} is no folder. Name one to write to.')
    if args.list and args.list.resolve().is_relative_to(args.out.resolve()):
        raise ValueError(f'{args.list} is inside {args.out}, which may be shared. Name another.')
    if not args.unsafe_checkpoint:
        refuse_unsafe_checkpoints()
    config, checkpoint = args.model
    how = dict(dtype=args.dtype, compile=args.compile)
    model = dict(how, model=config, weights=checkpoint, device=args.device or _own_device())
    model['unsafe_checkpoint'] = args.unsafe_checkpoint
    load_inferencer(**model)  # whatever is wrong with the model is told here, once
    return SegmentationJob(
        model,
        model_identity(config, checkpoint, **how),
        args.out,
        args.kinds,
        args.batch_size,
        tidy_up=TidyUp(args.largest_component, args.min_volume),
        overwrite=args.overwrite,
        assume_hu=args.assume_hu,
    )


def segment_all(studies: list[Study], job: SegmentationJob, pool: Pool) -> list[dict]:
    """Segment studies with a progress bar of them, and of the slices where one is done at a time.

    Returns:
        list[dict]: What :func:`segment_study` says of each, by name.
    """
    results = []
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
    return sorted(results, key=lambda result: result['name'])


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
            print(about, *(f'{name} {one["volume_ml"]:.1f} ml' for name, one in volumes), sep=': ')
            for note in result['record']['notes']:
                print(f'warning: {about}: it {note}', file=sys.stderr)
            for caution in result['record']['cautions']:
                print(f'caution: {about}: {caution}', file=sys.stderr)
        elif 'skipped' in result:
            print(f'{about}: skipped, its outputs are there and of this model')
    for message in found.refused:
        print(message, file=sys.stderr)
    failed = found.refused or any('error' in result for result in results)
    done = sum('record' in result or 'skipped' in result for result in results)
    print(f'{done} of {len(results)} studies are segmented in {out}. Not a medical device.')
    return (1 if done else 2) if failed else 0


def _own_device() -> str:
    """Of several processes on a machine, each has a GPU of its own."""
    if not torch.cuda.is_available():
        return 'cpu'
    return f'cuda:{int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()}'
