"""Export a trained model: an inference checkpoint, and ONNX graphs that need no torch."""

import argparse
from pathlib import Path

from rich.filesize import decimal

from lsnet_mm.utils.cli import add_unsafe_checkpoint, config_parser


def build_parser() -> argparse.ArgumentParser:
    parser = config_parser(__doc__)
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument('-o', '--out', type=Path, required=True, help='folder to write to')
    parser.add_argument('--onnx', action='store_true', help='write ONNX graphs too')
    parser.add_argument('--half', action='store_true', help='hold kernels in half precision')
    parser.add_argument(
        '--confidence', type=Path, help='a calibration of tools/calibrate.py to go with the weights'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an export that is there')
    add_unsafe_checkpoint(parser)
    return parser


def main(argv=None) -> None:
    parser = build_parser()
    args = parser.parse_args(argv)

    from lsnet_mm.export import ExportError
    from lsnet_mm.export.command import export
    from lsnet_mm.utils import UnsafeCheckpointError, read_config, refuse_unsafe_checkpoints

    try:
        config = read_config(args.config, args.cfg_options)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    if '://' not in args.checkpoint and not Path(args.checkpoint).is_file():
        parser.error(f'checkpoint not found: {args.checkpoint}')
    if not args.unsafe_checkpoint:
        refuse_unsafe_checkpoints()
    try:
        how = (args.onnx, args.overwrite, args.half, args.confidence)
        files = export(config, args.checkpoint, args.out, *how)
    except (ExportError, UnsafeCheckpointError, ValueError, OSError) as error:
        parser.error(str(error))
    before = Path(args.checkpoint)
    if before.is_file():
        print(f'{before}: {decimal(before.stat().st_size)}')
    for file in files:
        print(f'{file}: {decimal(file.stat().st_size)}')


if __name__ == '__main__':
    main()
