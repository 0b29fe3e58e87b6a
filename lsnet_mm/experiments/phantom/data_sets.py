"""Phantoms on a disk: prepared, or as TCIA's tools leave Pancreas-CT."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from ...preparation import contiguous_folds
from ...utils.files import replace_folder
from ...volumes import PHANTOM
from .case import ORGANS, make_case

PREPARED = {'imagesTr', 'labelsTr', 'dataset.json', 'splits_final.json'}
FOLDS = 4

DATE = '20151124'
IMAGES = {'nbia': 'manifest-1599750808610', 'doi': 'DOI', 'bare': ''}
LABELS = 'TCIA_pancreas_labels-02-05-2017'
LABEL_FOLDERS = {'plain': LABELS, 'doubled': f'{LABELS}/{LABELS}'}
SLICE_ORDERS = ('ascending', 'descending')
WITHDRAWN = (25, 70)
MARKER = 'PHANTOM.txt'
NOTE = 'Procedural data of lsnet_mm in the layout of a TCIA download. No patient, no result.\n'
# All names at the top of such a folder. Those of bare series are UIDs.
KNOWN = (MARKER, LABELS, IMAGES['nbia'], 'DOI', '1.2.826.*', 'LICENSE', 'metadata.csv')


def write_prepared(
    out: str | Path,
    n_cases: int = 12,
    shape: tuple[int, int, int] = (128, 128, 24),
    seed: int = 0,
    organs: int = 1,
    overwrite: bool = False,
    track: Callable[[list[str]], Iterable[str]] = iter,
) -> Path:
    """Write phantoms in the prepared layout that ``PancreasCTDataset`` and nnU-Net read.

    Args:
        out: Folder to make; its parents are made too.
        n_cases: At least 4, one for each fold.
        shape: (X, Y, Z) voxels of a volume.
        seed: Of the whole set.
        organs: Classes besides the background: 1 is the pancreas, 2 adds the spleen.
        overwrite: Replace ``out`` where it holds a prepared data set and nothing else.
        track: Goes over the names of the cases, as ``rich.progress.track`` does.

    Returns:
        Path: ``out``.

    Raises:
        ValueError: If there are too few cases or the shape is too small.
        FileExistsError: If ``out`` is not empty and may not be replaced.
    """
    if n_cases < FOLDS:
        raise ValueError(f'write_prepared: {FOLDS} folds need {FOLDS} cases, got {n_cases}.')
    cases = [f'PANCREAS_{number:04d}' for number in range(1, n_cases + 1)]
    with replace_folder(out, 'prepared data set', PREPARED, overwrite) as folder:
        (folder / 'imagesTr').mkdir()
        (folder / 'labelsTr').mkdir()
        for number, case in enumerate(track(cases), start=1):
            volume, label, spacing = make_case(seed, number, shape, organs)
            # Columns run to the patient's left and rows to the front, as in Pancreas-CT; NIfTI's
            # axes point to the right, the front and up.
            affine = np.diag([-spacing[0], spacing[1], spacing[2], 1.0])
            paths = (f'imagesTr/{case}_0000.nii', f'labelsTr/{case}.nii')
            for path, voxels in zip(paths, (volume, label), strict=True):
                image = nib.Nifti1Image(voxels, affine)
                image.header.set_xyzt_units('mm')
                nib.save(image, folder / path)
        description = {
            'name': 'phantom',
            'synthetic': True,
            'description': f'procedural abdominal CT, seed {seed}: no patient, no result',
            'channel_names': {'0': 'CT'},
            'labels': {name: value for value, name in enumerate(('background', *ORGANS[:organs]))},
            'numTraining': n_cases,
            'file_ending': '.nii',
        }
        folds = contiguous_folds(cases, FOLDS)
        for name, content in (('splits_final', folds), ('dataset', description)):
            (folder / f'{name}.json').write_text(json.dumps(content, indent=2) + '\n')
    return Path(out).resolve()


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
    track: Callable[[list[int]], Iterable[int]] = iter,
) -> Path:
    """Write phantoms as TCIA's tools leave Pancreas-CT on a disk: DICOM series and label files.

    Row y, column x of the file with InstanceNumber k + 1 is voxel ``[x, y, k]`` of the volume that
    :func:`downloaded_case` gives, and the label file's voxel ``[x, y, k]`` belongs to it: label
    slices are transposed, unflipped, and in the order of the files whatever their positions are.
    No DICOM header agrees with the label file's: there columns run to the right and, for the
    collection's order, slices to the head, both wrong. Whoever pairs by affine flips the label.
    The same arguments write the same bytes.

    Args:
        out: Folder to make; its parents are made too.
        n_cases: Number of cases: PANCREAS_0001 and so on, leaving out the withdrawn numbers.
        shape: (X, Y, Z) voxels of a volume: columns, rows, slices.
        seed: Of the whole set.
        layout: ``'nbia'``: ``manifest-*/Pancreas-CT/<patient>/<study>/<series>/1-001.dcm``;
            ``'doi'``: ``DOI/<patient>/<uid>/<uid>/000000.dcm``, numbers that do not follow the
            slices;
            ``'bare'``: ``<uid>/1-001.dcm``.
        slice_order: ``'ascending'``, as in the collection: file 1 is nearest to the head, and
            positions ascend along the series' normal, which points to the feet. ``'descending'``:
            the same bodies at the same positions, file 1 nearest to the feet.
        label_folder: ``'plain'``, or ``'doubled'``: a folder in one of the same name.
        transfer_syntax: UID of the DICOM encoding, little endian; compressed ones need an encoder.
        withdrawn: Add the label files of the two withdrawn cases, which have no images.
        overwrite: Replace ``out`` where it holds such a phantom download and nothing else.
        track: Goes over the numbers of the cases, as ``rich.progress.track`` does.

    Returns:
        Path: ``out``.

    Raises:
        ValueError: If an argument is none of its choices or the shape is too small.
        FileExistsError: If ``out`` is not empty and may not be replaced.
        RuntimeError: If the transfer syntax has no encoder here; it says what to install.
    """
    chosen = ((layout, IMAGES), (slice_order, SLICE_ORDERS), (label_folder, LABEL_FOLDERS))
    for value, choices in chosen:
        if value not in choices:
            raise ValueError(f'write_download: {value!r} is none of {", ".join(choices)}.')
    if not UID(transfer_syntax).is_little_endian:
        raise ValueError(f'write_download: {UID(transfer_syntax).name} is not little endian.')
    numbers = [n for n in range(1, n_cases + 1 + len(WITHDRAWN)) if n not in WITHDRAWN][:n_cases]
    with replace_folder(out, 'phantom download', KNOWN, overwrite, MARKER) as root:
        labels = root / LABEL_FOLDERS[label_folder]
        labels.mkdir(parents=True)
        metadata = ['Series UID,Collection,Subject ID,Study UID,Study Date,Modality']
        for number in track([*numbers, *(WITHDRAWN if withdrawn else ())]):
            volume, label, spacing = downloaded_case(seed, number, shape, slice_order)
            image = nib.Nifti1Image(label, np.diag([*spacing, 1.0]))
            nib.save(image, labels / f'label{number:04d}.nii.gz')
            if number in WITHDRAWN:
                continue
            slices = [
                _slice(seed, number, k + 1, volume[..., k].T, UID(transfer_syntax))
                for k in range(shape[2])
            ]
            patient, study = slices[0].PatientID, slices[0].StudyInstanceUID
            series = slices[0].SeriesInstanceUID
            metadata.append(f'{series},Pancreas-CT,{patient},{study},{DATE},CT')
            folder = (
                root
                / {
                    'nbia': f'{IMAGES["nbia"]}/Pancreas-CT/{patient}/11-24-2015-'
                    f'{patient.replace("_", "")}-Pancreas-{study[-5:]}/Pancreas-{series[-5:]}',
                    'doi': f'DOI/{patient}/{study}/{series}',
                    'bare': series,
                }[layout]
            )
            folder.mkdir(parents=True)
            names = [f'1-{k + 1:03d}.dcm' for k in range(shape[2])]
            if layout == 'doi':
                # Numbered as the server sent them, which is not the order of the slices.
                order = np.random.default_rng([seed, number]).permutation(shape[2])
                names = [f'{n:06d}.dcm' for n in order]
            heights = -spacing[2] * np.arange(shape[2])[:: 1 if slice_order == 'ascending' else -1]
            for slice_, name, height in zip(slices, names, heights, strict=True):
                slice_.PixelSpacing = [f'{size:.6f}' for size in spacing[1::-1]]
                slice_.ImagePositionPatient = ['0', '0', f'{height:.6f}']
                slice_.save_as(folder / name, enforce_file_format=True)
        (root / IMAGES[layout] / 'metadata.csv').write_text('\n'.join(metadata) + '\n')
        (root / IMAGES[layout] / 'LICENSE').write_text(NOTE)
        (root / MARKER).write_text(NOTE)
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


def _uid(seed: int, number: int, *part: object) -> str:
    return generate_uid(entropy_srcs=['lsnet_mm phantom', *map(str, (seed, number, *part))])


def _slice(seed: int, number: int, instance: int, pixels: np.ndarray, syntax: UID) -> Dataset:
    """A slice without its place: the headers of Pancreas-CT and its quirks.

    As in the collection: rows run from the back to the front (ImageOrientationPatient
    [1, 0, 0, 0, -1, 0], so the series' normal points to the feet), SliceThickness, SeriesNumber
    and KVP are empty, StudyTime differs between the slices of one series, voxels are signed 16-bit
    HU, and rescaling is 1 and 0 or, in every other case, absent. Unlike there, Manufacturer says
    what it is, and there are names and dates: made up, for tests of privacy to search for.
    """
    data = Dataset()
    data.SpecificCharacterSet = 'ISO_IR 100'
    data.ImageType = ['ORIGINAL', 'PRIMARY', 'AXIAL']
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = _uid(seed, number, 'instance', instance)
    data.StudyInstanceUID = _uid(seed, number, 'study')
    data.SeriesInstanceUID = _uid(seed, number, 'series')
    data.FrameOfReferenceUID = _uid(seed, number, 'frame')
    data.InstanceNumber = str(instance)
    data.StudyDate = DATE
    data.StudyTime = f'1654{(47 + instance / 100) % 60:09.6f}'
    data.AccessionNumber = f'FICT{number:04d}'
    data.Modality = 'CT'
    data.Manufacturer = PHANTOM
    data.InstitutionName = 'FICTITIOUS HOSPITAL'
    data.ReferringPhysicianName = 'FICTITIOUS^DOCTOR'
    data.StudyDescription = data.SeriesDescription = 'Pancreas'
    data.PatientName = f'FICTITIOUS^PATIENT {number:04d}'
    data.PatientID = data.StudyID = f'PANCREAS_{number:04d}'
    data.PatientBirthDate = f'19{number % 100:02d}0101'
    data.PatientSex = 'O'
    data.BodyPartExamined = 'PANCREAS'
    data.SliceThickness = data.KVP = data.SeriesNumber = data.AcquisitionNumber = None
    data.ImageOrientationPatient = ['1', '0', '0', '0', '-1', '0']
    data.SamplesPerPixel = data.PixelRepresentation = 1
    data.PhotometricInterpretation = 'MONOCHROME2'
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    if number % 2:
        data.RescaleIntercept, data.RescaleSlope = '0', '1'
    data.private_block(0x13, 'CTP', create=True).add_new(0x10, 'LO', 'Pancreas-CT')
    data.Rows, data.Columns = pixels.shape
    data.PixelData = np.ascontiguousarray(pixels, '<i2').tobytes()
    data['PixelData'].VR = 'OW'
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax.is_encapsulated:
        data.compress(syntax, generate_instance_uid=False)
    else:
        data.file_meta.TransferSyntaxUID = syntax
    return data
