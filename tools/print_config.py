"""Print a config as it is after inheritance and options."""

from lsnet_mm.utils.cli import config_parser


def main(argv=None) -> None:
    parser = config_parser(__doc__)
    args = parser.parse_args(argv)

    from lsnet_mm.utils import read_config

    try:
        print(read_config(args.config, args.cfg_options).pretty_text)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
