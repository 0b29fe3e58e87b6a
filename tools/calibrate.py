"""Calibrate the flag that says which masks to look at again, on the held-out patients of all folds
of a cross-validation."""

import json
from pathlib import Path

from lsnet_mm.utils.cli import plain_parser
from lsnet_mm.utils.files import write_atomic

EVIDENCE = ('box_score', 'agreement', 'probability')


def main(argv=None) -> None:
    parser = plain_parser(__doc__)
    parser.add_argument(
        'checkpoints', nargs='+', help='of training, one of each fold; their configs are in them'
    )
    parser.add_argument('-o', '--out', type=Path, required=True, help='.json, for export.py')
    parser.add_argument('--bad', type=float, metavar='DSC', help='a lower DSC (60) is bad')
    parser.add_argument(
        '--only', nargs='+', choices=EVIDENCE, metavar='NAME', help=f'of {", ".join(EVIDENCE)}'
    )
    parser.add_argument('--data-root', help='where the data are, if not where training had them')
    parser.add_argument('--device', default='cpu', help='of the nets (cpu)')
    args = parser.parse_args(argv)

    import torch

    from lsnet_mm.evaluation.calibration import BAD_DSC
    from lsnet_mm.experiments.held_out import calibrate_folds, calibration_tables
    from lsnet_mm.export import ExportError
    from lsnet_mm.utils import UnsafeCheckpointError

    torch.set_num_threads(1)
    bad = BAD_DSC if args.bad is None else args.bad
    try:
        names = args.only or EVIDENCE
        result = calibrate_folds(args.checkpoints, bad, args.data_root, args.device, names)
    except (ValueError, OSError, ExportError, UnsafeCheckpointError) as error:
        parser.error(str(error))
    write_atomic(args.out, f'{json.dumps(result, indent=2)}\n'.encode())
    print(calibration_tables(result))


if __name__ == '__main__':
    main()
