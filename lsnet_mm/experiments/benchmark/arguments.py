"""The arguments of ``tools/benchmark.py``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ...apis.arguments import DTYPES
from ...utils.cli import plain_parser

PARTS = ('training', 'inference', 'memory', 'loader')
#: Nets of other libraries.
PEERS = ('monai_basic_unet', 'monai_attention_unet', 'smp_unet_r34', 'nnunet_2d')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence."""
    parser = plain_parser(
        'Size, training step, whole-volume inference, memory and loader of systems '
        'side by side: in one process, in turns, with ratios against the first. Without a '
        'checkpoint a net has random weights and oracle predictions, from the label.'
    )
    add = parser.add_argument
    add('configs', nargs='+', type=_config, help='config files, the baseline first')
    add('--checkpoint', nargs='+', type=_weights, default=[], metavar='CONFIG=FILE',
        help='weights of a config, by its name; it then finds what it finds')  # fmt: skip
    add('--peers', nargs='*', choices=PEERS, metavar='NAME', help='nets of other libraries, with '
        f'data and optimizer of the baseline, without a name all: {", ".join(PEERS)}')  # fmt: skip
    add('--parts', nargs='+', choices=PARTS, default=PARTS, help='what to measure (all)')
    add('--repeats', type=_positive, default=5, help='rounds that count (5)')
    add('--size', type=_positive, default=512, help="side of the phantom's slices (512)")
    add('--slices', type=_positive, default=240, help='of the phantom (240)')
    add('--with-organ', type=float, default=0.36, help='part of them that hold the organ (0.36)')
    add('--image', type=_file, help='NIfTI volume in HU in place of the phantom')
    add('--label', type=_file, help='its label')
    add('--batch-size', type=_positive, default=8, help='slices at a time (8)')
    add('--threads', type=_positive, help="torch's (as many as it takes)")
    add('--device', type=_device, default='cpu', help='(cpu)')
    add('--dtype', nargs='+', choices=DTYPES, default=DTYPES[:1], help='each of them (float32)')
    add('--compile', action='store_true', help='each system compiled, too')
    add('--workers', type=_positive, nargs='+', help='of the loader (1, 2, and one a core)')
    add('--out', type=Path, help='folder for benchmark.md, .json and .png')
    args = parser.parse_args(argv)
    args.checkpoint = dict(args.checkpoint)
    names = [config.stem for config in args.configs]
    if doubled := {name for name in names if names.count(name) > 1}:
        parser.error(f'{", ".join(sorted(doubled))}: two configs of one name cannot be told apart')
    if unknown := args.checkpoint.keys() - set(names):
        parser.error(f'--checkpoint {sorted(unknown)[0]}: not among the configs')
    if (args.image is None) != (args.label is None):
        parser.error('--image and --label belong together')
    if not 0 < args.with_organ <= 1:
        parser.error(f'--with-organ {args.with_organ}: a part of the slices, above 0 and up to 1')
    return args


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f'file not found: {text}')
    return Path(text)


def _config(text: str) -> Path:
    from ...utils.config import config_path

    try:
        return config_path(text)
    except FileNotFoundError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _weights(text: str) -> tuple[str, Path]:
    config, equals, file = text.partition('=')
    if not equals:
        raise argparse.ArgumentTypeError(f'{text}: expected CONFIG=FILE')
    return Path(config).stem, _file(file)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text}: must be at least 1')
    return int(text)


def _device(text: str) -> str:
    from ...utils.machine import device_name

    return device_name(text)
