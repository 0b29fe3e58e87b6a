"""Parameters and operations of a config's model, whole and net by net. (MMSegmentation's own
get_flops.py looks for one decode_head in the config.)"""

import argparse

from rich.console import Console
from rich.table import Table

from lsnet_mm.utils.cli import config_parser


def parse_args(argv=None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = config_parser(__doc__)
    parser.add_argument(
        '--shape', type=int, nargs='+', default=[512, 512], help='of a slice: one number or two'
    )
    args = parser.parse_args(argv)
    if len(args.shape) > 2 or min(args.shape) < 1:
        parser.error(f'--shape wants a size, or height and width, got {args.shape}')
    return parser, args


def main(argv=None) -> None:
    parser, args = parse_args(argv)

    import torch
    from mmengine.model import revert_sync_batchnorm

    from lsnet_mm.apis import build_model
    from lsnet_mm.evaluation.complexity import count_gflops, count_params
    from lsnet_mm.utils import read_config
    from lsnet_mm.utils.mistakes import mistakes_said

    try:
        cfg = read_config(args.config, args.cfg_options)
        with mistakes_said():
            model = build_model(cfg)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    model = revert_sync_batchnorm(model).eval()
    height, width = args.shape[0], args.shape[-1]
    inputs = torch.rand(1, 3, height, width)
    table = Table(title=f'{type(model).__name__}, one slice of {height}x{width}, one RoI')
    for column in ('part', 'parameters', 'GFLOPs'):
        table.add_column(column, justify='left' if column == 'part' else 'right')
    parts = {'all': None}
    parts |= {name: part for name, part in model.named_children() if count_params(part)}
    with mistakes_said():
        for name, part in parts.items():
            count = count_params(part or model)
            table.add_row(name, f'{count:,}', f'{count_gflops(model, inputs, part):.3f}')
    Console().print(table)
    print('One multiply-add is one operation; convolutions and matrix products are counted.')


if __name__ == '__main__':
    main()
