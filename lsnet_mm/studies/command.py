"""Segment CT studies: from a folder of DICOM or a NIfTI file to a mask that opens in a viewer."""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import torch

from ..apis import DTYPES, TidyUp
from ..utils import refuse_unsafe_checkpoints
from ..volumes import Pool
from .dicom_seg import MISSING
from .find import find_studies
from .job import Job
from .model_spec import ModelSpec
from .run import report, segment_all
from .segment import predictor


def build_parser() -> argparse.ArgumentParser:
    """The arguments of ``lsnet-segment``."""
    parser = argparse.ArgumentParser(description=__doc__, prog='lsnet-segment')
    parser.add_argument(
        'studies',
        nargs='+',
        type=Path,
        metavar='STUDY',
        help='DICOM folder (of one series or more), NIfTI file, or folder of studies',
    )
    parser.add_argument(
        *('-m', '--model'),
        nargs=2,
        required=True,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='config, and the checkpoint that was trained with it',
    )
    parser.add_argument('-o', '--out', type=Path, required=True, help='folder to write to')
    written = parser.add_argument_group('what is written beside the mask and the JSON')
    written.add_argument('--dicom-seg', action='store_true', help='a DICOM Segmentation')
    written.add_argument('--probabilities', action='store_true', help='that of foreground')
    written.add_argument('--preview', action='store_true', help='a PNG montage and an HTML page')
    tidy = parser.add_argument_group('tidying up, off by default')
    tidy.add_argument('--largest-component', action='store_true', help='of each class, in 3D')
    tidy.add_argument(
        '--min-volume', type=float, default=0, metavar='ML', help='remove parts that are smaller'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace other outputs in OUT')
    parser.add_argument('--device', help='such as cuda:1 or cpu; default: a GPU if there is one')
    parser.add_argument('--workers', type=int, default=1, help='studies at a time (1)')
    parser.add_argument('--batch-size', type=int, default=8, help='slices at a time (8)')
    parser.add_argument('--dtype', choices=DTYPES, default='float32', help='of the nets (float32)')
    parser.add_argument('--compile', action='store_true', help='the nets, by torch.compile')
    parser.add_argument(
        '--unsafe-checkpoint',
        action='store_true',
        help='let the checkpoint run code when it is loaded; only for a file that you trust',
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        int: Exit code: 0 if every study is segmented, 1 if any was refused or nothing could start.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    if min(args.workers, args.batch_size) < 1 or args.min_volume < 0:
        parser.error('--workers and --batch-size must be at least 1, --min-volume at least 0')
    try:
        job = make_job(args)
    except (ValueError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    rank, ranks = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))
    with Pool(args.workers) as pool:
        found = find_studies(args.studies, pool.map)
        mine = found.studies[rank::ranks]
        results = segment_all(mine, job, pool if args.workers > 1 else None)
    if rank:  # these are the first process's to tell
        found.notes, found.refused = [], []
    return report(results, found, args.out)


def make_job(args: argparse.Namespace) -> Job:
    """What is to be done, after every check that needs no study.

    Raises:
        FileNotFoundError: If config or checkpoint is missing.
        ValueError: If the checkpoint is another config's, the config is not for slices, or the
            device is not there.
        RuntimeError: If the checkpoint is not safe to load, or torch.compile does not work.
    """
    if args.dicom_seg and find_spec('highdicom') is None:
        raise ValueError(MISSING)
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f'{args.out} is no folder. Name one to write to.')
    if not args.unsafe_checkpoint:
        refuse_unsafe_checkpoints()
    spec = ModelSpec(
        *args.model,
        device=args.device or _own_device(),
        batch_size=args.batch_size,
        unsafe_checkpoint=args.unsafe_checkpoint,
        dtype=args.dtype,
        compile=args.compile,
    )
    predictor(spec)
    return Job(
        spec=spec,
        out=args.out,
        threads=max((os.cpu_count() or 1) // args.workers, 1) if args.workers > 1 else 0,
        dicom_seg=args.dicom_seg,
        probability=args.probabilities,
        preview=args.preview,
        tidy_up=TidyUp(args.largest_component, args.min_volume),
        overwrite=args.overwrite,
        model=spec.identity(),
    )


def _own_device() -> str:
    """Of several processes on a machine, each has a GPU of its own."""
    if not torch.cuda.is_available():
        return 'cpu'
    return f'cuda:{int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()}'
