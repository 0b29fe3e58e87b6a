"""Write an HTML report of the runs below a folder: tables, plots, and the slices behind them.

The page is one file that loads nothing; send it or open it anywhere.
"""

import sys
from pathlib import Path

from lsnet_mm.utils.cli import plain_parser
from lsnet_mm.utils.files import write_atomic


def main() -> None:
    parser = plain_parser(__doc__)
    parser.add_argument('folder', type=Path, help='run folders are found at any depth below it')
    parser.add_argument(
        '-o', '--out', type=Path, default=Path('report.html'), help='file to write (report.html)'
    )
    args = parser.parse_args()

    from lsnet_mm.visualization.report import report_page

    write_atomic(args.out, report_page(args.folder))
    print(f'Wrote {args.out}')


if __name__ == '__main__':
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f'report: {error}')
