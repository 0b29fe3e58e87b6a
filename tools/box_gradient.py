"""Does a step down the second stage's loss lead a box to the true one? On slices of validation."""

import json
from pathlib import Path

from lsnet_mm.utils.cli import plain_parser
from lsnet_mm.utils.files import write_atomic


def main() -> None:
    parser = plain_parser(__doc__)
    parser.add_argument('config', help='config of an LSNet')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument(
        '-o', '--out', type=Path, required=True, help='.json, added to if it is there'
    )
    parser.add_argument('--name', help="of the result (the config's)")
    parser.add_argument('--seed', type=int, default=0, help='of the errors of boxes (0)')
    args = parser.parse_args()

    import torch
    from mmengine.registry import DATASETS

    from lsnet_mm.apis import load_model
    from lsnet_mm.experiments.reproduction.box_analysis import box_gradient, gradient_table
    from lsnet_mm.utils.machine import environment
    from lsnet_mm.utils.mistakes import mistakes_said

    torch.set_num_threads(1)
    with mistakes_said():
        model = load_model(args.config, args.checkpoint, 'cpu')
        dataset = DATASETS.build(model.cfg.val_dataloader.dataset)
    result = box_gradient(model, dataset, seed=args.seed)
    results = json.loads(args.out.read_text()) if args.out.exists() else {}
    results[args.name or Path(args.config).stem] = result | dict(
        seed=args.seed, env=environment('cpu')
    )
    write_atomic(args.out, f'{json.dumps(results, indent=2)}\n'.encode())
    print(gradient_table(results))


if __name__ == '__main__':
    main()
