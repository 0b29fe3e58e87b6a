"""Draw the slices of a config's dataset as its pipeline leaves them, with masks and boxes: what a
net is trained on, augmentation and all. A file a slice, named after its case and number."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from mmengine.config import Config
from rich.console import Console
from rich.progress import track

from lsnet_mm.utils.cli import config_parser
from lsnet_mm.utils.files import write_atomic


def parse_args(argv=None):
    parser = config_parser(__doc__)
    parser.add_argument(
        '--split', choices=('train', 'val', 'test'), default='train', help='dataloader (train)'
    )
    parser.add_argument('--output-dir', type=Path, help='default: work_dirs/<config name>/browse')
    parser.add_argument('--number', type=int, default=50, help='slices, chosen at random (50)')
    args = parser.parse_args(argv)
    if args.number < 1:
        parser.error(f'--number must be at least 1, got {args.number}')
    return parser, args


def draw(cfg: Config, split: str, number: int) -> Iterator[tuple[str, bytes]]:
    """Names and pictures of slices of a dataset."""
    from mmengine.registry import DATASETS, init_default_scope

    from lsnet_mm.engine.hooks.visualization_hook import slice_name
    from lsnet_mm.visualization import SliceView, draw_panel, input_image

    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
    classes = (dataset.metainfo.get('classes') or ())[1:]
    # At random, always the same: even steps might meet the same place of each case.
    chosen = sorted(Random(0).sample(range(len(dataset)), min(number, len(dataset))))
    for k in track(chosen, description=split, console=Console(stderr=True)):
        packed = dataset[k]
        sample = packed['data_samples']
        image = input_image(packed['inputs'], sample.gt_sem_seg.shape)
        view = SliceView(image, sample, pred=False, classes=classes)
        yield slice_name(sample), draw_panel([view], [slice_name(sample)])


def main(argv=None) -> None:
    parser, args = parse_args(argv)

    from lsnet_mm.utils import read_config
    from lsnet_mm.utils.mistakes import mistakes_said

    folder = args.output_dir or Path('work_dirs', Path(args.config).stem, 'browse')
    with mistakes_said():
        try:
            cfg = read_config(args.config, args.cfg_options)
            for name, picture in draw(cfg, args.split, args.number):
                write_atomic(folder / f'{name}.png', picture)
        except (OSError, ValueError) as error:
            parser.error(str(error))
    print(f'Pictures: {folder}')


if __name__ == '__main__':
    main()
