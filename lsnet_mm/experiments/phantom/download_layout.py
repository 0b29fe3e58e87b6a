"""Where the files of a TCIA download of Pancreas-CT lie."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .ct_series import DATE, CTSeries

IMAGES = {'nbia': 'manifest-1599750808610', 'doi': 'DOI', 'bare': ''}
LABELS = {
    'plain': 'TCIA_pancreas_labels-02-05-2017',
    'doubled': 'TCIA_pancreas_labels-02-05-2017/TCIA_pancreas_labels-02-05-2017',
}
MARKER = 'PHANTOM.txt'
NOTE = 'Procedural data of lsnet_mm in the layout of a TCIA download. No patient, no result.\n'
# All names at the top of such a folder. Those of bare series are UIDs.
KNOWN = (MARKER, LABELS['plain'], IMAGES['nbia'], 'DOI', '1.2.826.*', 'LICENSE', 'metadata.csv')


def series_files(root: Path, series: CTSeries, slices: int, layout: str) -> list[Path]:
    """The files of a series in the order of InstanceNumber.

    Args:
        root: Folder of the download.
        series: Whose files.
        slices: Their number.
        layout: A key of ``IMAGES``.

    Returns:
        list[Path]: One a slice.
    """
    study, own = series.uid('study'), series.uid('series')
    images = root / IMAGES[layout]
    if layout == 'doi':
        # Numbered as the server sent them, which is not the order of the slices.
        numbers = np.random.default_rng([series.seed, series.number]).permutation(slices)
        return [images / series.patient / study / own / f'{n:06d}.dcm' for n in numbers]
    if layout == 'nbia':
        date = f'{DATE[4:6]}-{DATE[6:]}-{DATE[:4]}'
        patient = series.patient.replace('_', '')
        images = images / 'Pancreas-CT' / series.patient
        folder = images / f'{date}-{patient}-Pancreas-{study[-5:]}' / f'Pancreas-{own[-5:]}'
    else:
        folder = images / own
    return [folder / f'1-{k:03d}.dcm' for k in range(1, slices + 1)]


def label_file(root: Path, number: int, label_folder: str) -> Path:
    """The label file of a case; ``label_folder`` is a key of ``LABELS``."""
    return root / LABELS[label_folder] / f'label{number:04d}.nii.gz'


def add_clutter(root: Path, layout: str, series: Sequence[CTSeries]) -> None:
    """What comes with the images and is no image, and the mark that all this is a phantom."""
    images = root / IMAGES[layout]
    rows = ['Series UID,Collection,Subject ID,Study UID,Study Date,Modality']
    rows += [
        f'{s.uid("series")},Pancreas-CT,{s.patient},{s.uid("study")},{DATE},CT' for s in series
    ]
    (images / 'metadata.csv').write_text('\n'.join(rows) + '\n')
    (images / 'LICENSE').write_text(NOTE)
    (root / MARKER).write_text(NOTE)
