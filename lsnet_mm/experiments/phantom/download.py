from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.uid import UID, ExplicitVRLittleEndian

from ...utils.files import replace_folder
from .case import make_case
from .ct_series import CTSeries
from .download_layout import IMAGES, KNOWN, LABELS, MARKER, add_clutter, label_file, series_files

SLICE_ORDERS = ('ascending', 'descending')
WITHDRAWN = (25, 70)


def write_download(
    out: str | Path,
    n_cases: int = 12,
    shape: tuple[int, int, int] = (128, 128, 24),
    seed: int = 0,
    layout: str = 'nbia',
    slice_order: str = 'ascending',
    label_folder: str = 'plain',
    transfer_syntax: str = ExplicitVRLittleEndian,
    withdrawn: bool = True,
    overwrite: bool = False,
    on_case: Callable[[str], None] | None = None,
) -> Path:
    """Write phantoms as TCIA's tools leave Pancreas-CT on a disk: DICOM series and label files.

    Row y, column x of the file with InstanceNumber k + 1 is voxel ``[x, y, k]`` of the volume that
    :func:`downloaded_case` gives, and the label file's voxel ``[x, y, k]`` belongs to it: label
    slices are transposed, unflipped, and in the order of the files whatever their positions are.
    The label file's header contradicts the DICOM headers, see :func:`save_label`. The same
    arguments write the same bytes.

    Args:
        out: Folder to make; its parents are made too.
        n_cases: Number of cases: PANCREAS_0001 and so on, leaving out the withdrawn numbers.
        shape: (X, Y, Z) voxels of a volume: columns, rows, slices.
        seed: Of the whole set.
        layout: ``'nbia'``: manifest-*/Pancreas-CT/<patient>/<study>/<series>/1-001.dcm;
            ``'doi'``: DOI/<patient>/<uid>/<uid>/000000.dcm, numbers that do not follow the slices;
            ``'bare'``: <uid>/1-001.dcm.
        slice_order: ``'ascending'``, as in the collection: file 1 is nearest to the head, and
            positions ascend along the series' normal, which points to the feet. ``'descending'``:
            the same bodies at the same positions, file 1 nearest to the feet.
        label_folder: ``'plain'``, or ``'doubled'``: a folder in one of the same name.
        transfer_syntax: UID of the DICOM encoding, little endian; compressed ones need an encoder.
        withdrawn: Add the label files of the two withdrawn cases, which have no images.
        overwrite: Replace ``out`` where it holds such a phantom download and nothing else.
        on_case: Called with the patient of each case when it is written, for a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        ValueError: If an argument is none of its choices or the shape is too small.
        FileExistsError: If ``out`` is not empty and may not be replaced.
        RuntimeError: If the transfer syntax has no encoder here.
    """
    _check('layout', layout, IMAGES)
    _check('slice_order', slice_order, SLICE_ORDERS)
    _check('label_folder', label_folder, LABELS)
    if not UID(transfer_syntax).is_little_endian:
        raise ValueError(f'write_download: {UID(transfer_syntax).name} is not little endian.')
    numbers = islice((n for n in count(1) if n not in WITHDRAWN), n_cases)
    series = [CTSeries(number, seed) for number in numbers]
    with replace_folder(out, 'phantom download', KNOWN, overwrite, MARKER) as root:
        for one in series:
            volume, label, spacing = downloaded_case(seed, one.number, shape, slice_order)
            files = series_files(root, one, shape[2], layout)
            files[0].parent.mkdir(parents=True)
            heights = -spacing[2] * np.arange(shape[2])
            if slice_order == 'descending':
                heights = heights[::-1]
            for k, file in enumerate(files):
                pixels = volume[..., k].T
                one.write(file, k + 1, pixels, spacing[1::-1], heights[k], transfer_syntax)
            save_label(label_file(root, one.number, label_folder), label, spacing)
            if on_case is not None:
                on_case(one.patient)
        for number in WITHDRAWN if withdrawn else ():
            _, label, spacing = downloaded_case(seed, number, shape, slice_order)
            save_label(label_file(root, number, label_folder), label, spacing)
        add_clutter(root, layout, series)
    return Path(out).resolve()


def downloaded_case(
    seed: int, number: int, shape: tuple[int, int, int], slice_order: str = 'ascending'
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """:func:`make_case` with its slices in the order of the downloaded files.

    ``make_case`` counts slices from the feet, the collection's files count from the head: its
    slices are reversed for ``'ascending'`` and left for ``'descending'``.

    Returns:
        tuple: Volume and label (X, Y, Z), and the spacing (x, y, z) in whole nanometres, so that
        the headers' decimals say exactly what is meant.
    """
    volume, label, spacing = make_case(seed, number, shape)
    if slice_order == 'ascending':
        volume, label = volume[..., ::-1], label[..., ::-1]
    return volume, label, tuple(round(size, 6) for size in spacing)


def save_label(path: Path, label: np.ndarray, spacing: tuple[float, float, float]) -> None:
    """Write a label (X, Y, Z) with a header that no DICOM header of the series agrees with.

    It says that columns run to the right and, for the collection's order of slices, that these run
    to the head: both wrong. Whoever pairs by affine, and not by index, flips the label.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(label, np.diag([*spacing, 1.0])), path)


def _check(name: str, value: str, choices) -> None:
    if value not in choices:
        raise ValueError(f'write_download: {name} must be one of {[*choices]}, got {value!r}.')
