"""Masks lie where the scan lies, by the word of independent readers, however slices are turned."""

import itertools

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.spatial import KDTree
from threshold_segmentor import expected_mask

from lsnet_mm.experiments.phantom import make_case, write_download

hd = pytest.importorskip('highdicom')
sitk = pytest.importorskip('SimpleITK')
SHAPE = (40, 32, 10)
SPACING = (0.8, 0.7, 2.5)  # between columns, rows and slices
CORNER = (-31.25, 47.5, -812.75)
#: How scanners turn rows and columns as the patient lies: head or feet first, on back or front,
#: or on a side.
POSITIONS = {
    (1, 0, 0, 0, 1, 0): 'HFS',
    (-1, 0, 0, 0, -1, 0): 'HFP',
    (-1, 0, 0, 0, 1, 0): 'FFS',
    (1, 0, 0, 0, -1, 0): 'FFP',
    (0, -1, 0, 1, 0, 0): 'HFDR',
    (0, 1, 0, -1, 0, 0): 'HFDL',
}


def turns():
    """Directions of a row and of a column: along all axes, and oblique to all."""
    axes = [sign * axis for axis in np.eye(3, dtype=int) for sign in (1, -1)]
    for row, column in itertools.permutations(axes, 2):
        if not row @ column:
            yield tuple(int(value) for value in (*row, *column))
    rng = np.random.default_rng(3)
    for _ in range(4):
        row, column, _ = np.linalg.qr(rng.standard_normal((3, 3)))[0].T
        yield tuple(float(value) for value in np.round((*row, *column), 8))


def write_series(folder, turn, towards):
    """A phantom's series whose slices lie so, the first at the one end or at the other.

    Returns:
        tuple: The headers, and the centres of all voxels above the threshold (n, 3), LPS in mm.
    """
    download = write_download(folder, 1, SHAPE, withdrawn=False)
    files = sorted(download.rglob('*.dcm'))
    hu = make_case(0, 1, SHAPE)[0]
    hu[..., [0, 1, 9]] = -500  # no frames of these
    row, column = np.reshape(turn, (2, 3))
    normal, centres = np.cross(row, column), []
    for k, path in enumerate(files):
        data = pydicom.dcmread(path)
        position = CORNER + towards * k * SPACING[2] * normal
        data.ImageOrientationPatient = [f'{value:.8f}' for value in turn]
        data.ImagePositionPatient = [f'{value:.8f}' for value in position]
        data.PixelSpacing = [SPACING[1], SPACING[0]]
        data.PatientPosition = POSITIONS.get(turn, 'FFP')
        data.PixelData = np.ascontiguousarray(hu[..., k].T).tobytes()
        data.save_as(path)
        y, x = np.nonzero(expected_mask(hu[..., k].T))
        centres.append(position + np.outer(x, row) * SPACING[0] + np.outer(y, column) * SPACING[1])
    return files, np.concatenate(centres)


def by_pydicom(path):
    """Every frame by its own plane, as the standard defines it (C.7.6.2.1.1)."""
    data = pydicom.dcmread(path)
    [shared] = data.SharedFunctionalGroupsSequence
    row, column = np.reshape(shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3))
    down, across = shared.PixelMeasuresSequence[0].PixelSpacing
    found = []
    frames = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    for frame, group in zip(frames, data.PerFrameFunctionalGroupsSequence, strict=True):
        y, x = np.nonzero(frame)
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        found.append(position + np.outer(x, row) * across + np.outer(y, column) * down)
    return np.concatenate(found)


def by_highdicom(path):
    volume = hd.seg.segread(path).get_volume()
    return nib.affines.apply_affine(volume.affine, np.argwhere(volume.array[..., 0]))


def by_itk(image):
    """Of the voxels that are not 0."""
    z, y, x = np.nonzero(sitk.GetArrayViewFromImage(image))
    directions = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    return np.stack((x, y, z), 1) @ directions.T + image.GetOrigin()


def series_by_itk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    mask = sitk.GetImageFromArray(expected_mask(sitk.GetArrayFromImage(image)))
    mask.CopyInformation(image)
    return mask


@pytest.mark.parametrize('towards', [1, -1])
@pytest.mark.parametrize('turn', turns(), ids=lambda turn: ','.join(f'{v:.2g}' for v in turn))
def test_all_readers_find_it_in_one_place(tmp_path, segment, turn, towards):
    files, expected = write_series(tmp_path / 'd', turn, towards)
    code, _, errors, out = segment(files[0].parent, options=['--dicom-seg', '--dicom-labelmap'])
    assert code == 0, errors
    image = nib.load(out / 'study_001.nii.gz')
    mask = np.argwhere(np.asanyarray(image.dataobj))
    seg = out / 'study_001_seg.dcm'
    found = {
        'NIfTI by nibabel': nib.affines.apply_affine(image.affine, mask) * (-1, -1, 1),
        'NIfTI by SimpleITK': by_itk(sitk.ReadImage(str(out / 'study_001.nii.gz'))),
        'SEG by pydicom': by_pydicom(seg),
        'SEG by highdicom': by_highdicom(seg),
        'SEG by SimpleITK': by_itk(sitk.ReadImage(str(seg))),
        'label map by pydicom': by_pydicom(out / 'study_001_labelmap.dcm'),
        'series by SimpleITK': by_itk(series_by_itk(files[0].parent)),
    }
    assert len(expected) > 50
    for reader, points in found.items():
        assert len(points) == len(expected), reader
        assert KDTree(points).query(expected)[0].max() < 1e-3, reader
