"""The arguments of ``tools/check_combinations.py``."""

import argparse

from ...utils.cli import plain_parser


def build_parser() -> argparse.ArgumentParser:
    """Of the command."""
    parser = plain_parser(
        'Train a step of every combination of combinations/catalogue.py and predict; '
        'write what came of it into docs/ and results/ of the current folder.'
    )
    parser.add_argument(
        '--rows', nargs='+', metavar='NAME', help='only these; printed, not written'
    )
    return parser
