import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from ..utils.device import device_name
from .memory import CLEAR_REFS
from .peers import PEERS
from .switches import Switches
from .variants import WORDS, variants

PARTS = ('training', 'inference', 'memory', 'loader')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence.

    Returns:
        argparse.Namespace: With the ``variants`` as switches, by name.
    """
    parser = argparse.ArgumentParser(
        description='Size, training step, whole-volume inference, memory and loader of systems '
        'side by side: in one process, in turns, with ratios against a baseline. Without a '
        'checkpoint a net has random weights, and the label stands in for what it would find.'
    )
    add = parser.add_argument
    add('configs', nargs='+', help='config files')
    add('--baseline', help='the one that others are compared with (the first)')
    add('--peers', nargs='*', choices=PEERS, metavar='NAME', help=f'of {", ".join(PEERS)}; '
        'without a name all. They get the data and the optimizer of the baseline')  # fmt: skip
    add('--parts', nargs='+', choices=PARTS, default=PARTS, help='what to measure (all)')
    add('--repeats', type=int, default=5, help='rounds that count (5)')
    add('--size', type=int, default=512, help="width and height of the phantom's slices (512)")
    add('--slices', type=int, default=240, help='of the volume (240)')
    add('--with-organ', type=float, default=0.36, help='part of them that hold the organ (0.36)')
    add('--image', type=Path, help='NIfTI volume in HU in place of the phantom, or a folder of '
        '8-bit slices')  # fmt: skip
    add('--label', type=Path, help='its label, or a folder of masks')
    add('--batch-size', type=int, default=8, help='slices at a time (8)')
    add('--threads', type=int, help="torch's (as many as it takes)")
    add('--device', type=device_name, default='cpu', help='(cpu)')
    add('--variants', nargs='+', default=['configured'], metavar='WORD+WORD', help='ways to run '
        f'each config, of {", ".join(WORDS)} (configured)')  # fmt: skip
    add('--cpu-time', action='store_true', help='count the seconds in which the process had a '
        'processor, on a machine that others use; with --threads 1')  # fmt: skip
    add('--rounds', type=int, help='refinement rounds at most (as a config says)')
    add('--checkpoint', nargs='+', default=[], metavar='CONFIG=FILE',
        help='weights of a config, by its name; it then finds what it finds')  # fmt: skip
    add('--workers', type=int, nargs='+', help='of the loader (1, 2 and as many as cores)')
    add('--loader-batches', type=int, default=10, help='in each round (10)')
    add('--out', type=Path, help='folder for benchmark.md, .json and .png')
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    names = [Path(config).stem for config in args.configs]
    for config in args.configs:
        if not Path(config).is_file():
            parser.error(f'config not found: {config}')
    if doubled := {name for name in names if names.count(name) > 1}:
        parser.error(f'{", ".join(sorted(doubled))}: two configs of one name cannot be told apart')
    args.baseline = Path(args.baseline or names[0]).stem
    if args.baseline not in names:
        parser.error(f'--baseline {args.baseline}: not among the configs')
    for entry in args.checkpoint:
        if '=' not in entry:
            parser.error(f'--checkpoint {entry}: expected CONFIG=FILE')
    args.checkpoint = {
        Path(config).stem: Path(file)
        for config, file in (entry.split('=', 1) for entry in args.checkpoint)
    }
    if unknown := args.checkpoint.keys() - set(names):
        parser.error(f'--checkpoint {sorted(unknown)[0]}: not among the configs')
    for path in args.checkpoint.values():
        if not path.is_file():
            parser.error(f'file not found: {path}')
    if (args.image is None) != (args.label is None):
        parser.error('--image and --label belong together')
    for path in (args.image, args.label):
        if path and not path.exists():
            parser.error(f'file or folder not found: {path}')
    if args.image and args.image.is_dir() != args.label.is_dir():
        parser.error('--image and --label: two files, or two folders')
    if args.cpu_time and (args.device != 'cpu' or args.threads != 1):
        parser.error('--cpu-time: with --device cpu and --threads 1 only')
    if not 0 <= args.with_organ <= 1:
        parser.error(f'--with-organ {args.with_organ}: a part of the slices, from 0 to 1')
    if args.with_organ == 0 and not args.image and 'training' in args.parts:
        parser.error('--with-organ 0: there is nothing to train on; leave training out of --parts')
    try:
        own = {f.name: getattr(args, f.name) for f in fields(Switches) if f.name in args}
        args.variants = variants(args.variants, Switches(**own))
    except ValueError as error:
        parser.error(f'--variants: {error}')
    if 'memory' in args.parts and args.device == 'cpu' and not CLEAR_REFS.exists():
        parser.error(
            f'peak memory on a CPU is read from {CLEAR_REFS.parent}, which only Linux has; leave '
            'memory out of --parts'
        )
    for name in ('repeats', 'batch_size', 'slices', 'loader_batches'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
