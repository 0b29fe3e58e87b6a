"""What people look at when a data set is prepared: a page of pictures and a table."""

from pathlib import Path

import cv2
import numpy as np
from rich.table import Table

from ..utils.files import encode_png
from ..utils.resizing import resize_labels
from ..volumes import read_slice
from .conversion import prepared_files

PICTURES, SIDE, HEAD, GAP = 8, 256, 18, 4  # pictures in a row; their side, title and gap in pixels
WINDOW = (-100, 240)
OUTLINE, INK, PAPER = (120, 200, 0), (40, 40, 40), (255, 255, 255)  # blue, green, red
COLUMNS = ('slices', 'with label', 'label (ml)', 'spacing (mm)', 'score', 'margin', 'runner-up')


def draw_contact_sheet(out: Path, records: list[dict]) -> bytes:
    """Draw of each case the slice that holds most of the label, outlined.

    OpenCV does it: the package of our other pictures loads torch and OpenMMLab.

    Args:
        out: The prepared data set.
        records: Of the cases to show, from the report; at least one.

    Returns:
        bytes: A PNG without metadata, the same for the same data.
    """
    tiles = [_tile(out, record) for record in records]
    columns = min(PICTURES, len(tiles))
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    return encode_png(np.vstack(rows))


def _tile(out: Path, record: dict) -> np.ndarray:
    k = record['sheet_slice']
    image, label = (read_slice(path, k) for path in prepared_files(out, record['case']))
    low, high = WINDOW
    grey = (255 * (image.astype(np.float32) - low) / (high - low)).clip(0, 255).astype(np.uint8)
    # The whole slice in a square, as large as it fits.
    scale = SIDE / max(grey.shape)
    size = [max(round(n * scale), 1) for n in grey.shape[::-1]]
    picture = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    mask = resize_labels((label > 0).astype(np.uint8), size)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, OUTLINE, 1)

    tile = np.full((SIDE + HEAD + GAP, SIDE + GAP, 3), PAPER, np.uint8)
    tile[HEAD : HEAD + size[1], : size[0]] = picture
    title = f'{record["case"]}, slice {k}'
    cv2.putText(tile, title, (2, HEAD - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return tile


def report_table(report: dict) -> Table:
    """The report for people: a row a case, refused ones with their reason.

    Args:
        report: What :func:`~lsnet_mm.preparation.prepare` returns.

    Returns:
        Table: Of rich. Score and margin are those of the content check, in HU.
    """
    table = Table(caption=f'folds: {report["folds"]}')
    table.add_column('case', no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify='left' if name == 'runner-up' else 'right', no_wrap=True)
    for record in report['cases']:
        if 'error' in record:
            table.add_row(record['case'], *['-'] * (len(COLUMNS) - 1), '[red]refused[/]')
            continue
        table.add_row(
            record['case'],
            str(record['shape'][2]),
            str(record['label_slices']),
            f'{record["label_ml"]:.1f}',
            ' x '.join(f'{size:.2f}' for size in record['spacing']),
            *(f'{record[key]:.1f}' if key in record else '-' for key in ('score', 'margin')),
            record.get('rival', '-'),
        )
    return table
