"""Write the card of weights that come along, from the files that its figures are in."""

from pathlib import Path

from lsnet_mm.utils.cli import plain_parser


def main() -> None:
    parser = plain_parser(__doc__)
    parser.add_argument('name', help='of the weights, which is that of their config')
    parser.add_argument('--results', type=Path, default=Path('results'), help='of runs (results)')
    args = parser.parse_args()

    from lsnet_mm.experiments.card import write_card

    try:
        print(write_card(args.name, args.results))
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
