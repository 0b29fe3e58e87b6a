"""The mask lies on the scan: against the truth that made it, and against the DICOM headers."""

import json
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pydicom
import pytest
from threshold_segmentor import expected_mask

from lsnet_mm.experiments.phantom import downloaded_case, write_download

SHAPE = (40, 32, 10)
AXES = [''.join(letters) for axes in permutations(('RL', 'AP', 'SI')) for letters in product(*axes)]


@pytest.mark.parametrize('slice_order', ['ascending', 'descending'])
@pytest.mark.parametrize('layout', ['nbia', 'doi'])
def test_nifti_overlays_the_series(tmp_path, segment, slice_order, layout):
    """Pixel (row, column) of each file: where its headers put it, the NIfTI says the same."""
    options = dict(slice_order=slice_order, layout=layout, withdrawn=False)
    download = write_download(tmp_path / 'download', 1, SHAPE, **options)
    code, _, errors, out = segment(next(download.rglob('*.dcm')).parent)
    assert code == 0, errors
    image = nib.load(out / 'study_001.nii.gz')
    mask = np.asanyarray(image.dataobj)
    assert mask.shape == SHAPE and image.get_data_dtype() == np.uint8
    truth = expected_mask(downloaded_case(0, 1, SHAPE, slice_order)[0])
    to_voxel, seen = np.linalg.inv(image.affine), 0
    for path in download.rglob('*.dcm'):
        data = pydicom.dcmread(path)
        row, column = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
        between_rows, between_columns = data.PixelSpacing
        y, x = np.mgrid[: data.Rows, : data.Columns]
        lps = np.array(data.ImagePositionPatient, float)
        lps = lps + x[..., None] * between_columns * row + y[..., None] * between_rows * column
        voxels = nib.affines.apply_affine(to_voxel, lps * (-1, -1, 1))
        np.testing.assert_allclose(voxels, voxels.round(), atol=1e-3)
        here = mask[tuple(np.moveaxis(voxels.round().astype(int), -1, 0))]
        np.testing.assert_array_equal(here, expected_mask(data.pixel_array))
        np.testing.assert_array_equal(here, truth[..., data.InstanceNumber - 1].T)
        seen += here.sum()
    assert seen == mask.sum() == truth.sum() > 0


@pytest.mark.parametrize('codes', AXES)
def test_nifti_in_any_axes(tmp_path, segment, codes):
    """24 of these are rotations, 24 reflections; each with another affine than the next."""
    affine = np.array([[-0.8, 0, 0, 31], [0, 0.9, 0, -17], [0, 0, -2.5, 5], [0, 0, 0, 1.0]])
    image = nib.Nifti1Image(downloaded_case(0, 1, SHAPE)[0], affine)
    change = nib.orientations.ornt_transform(
        nib.io_orientation(affine), nib.orientations.axcodes2ornt(codes)
    )
    image = image.as_reoriented(change)
    assert ''.join(nib.aff2axcodes(image.affine)) == codes
    nib.save(image, tmp_path / '1.nii.gz')
    check_frame(tmp_path / '1.nii.gz', *segment(tmp_path / '1.nii.gz'))


@pytest.mark.parametrize('codes', [(1, 1), (0, 2), (2, 0), (0, 0)], ids=str)
def test_oblique_nifti_keeps_its_header(tmp_path, segment, codes):
    """With a shear, which a qform cannot hold; whichever of the two forms is in force."""
    affine = np.eye(4)
    affine[:3, :3] = nib.eulerangles.euler2mat(0.2, -0.15, 0.1) @ np.diag([-0.81, 0.93, 2.47])
    image = nib.Nifti1Image(downloaded_case(0, 1, SHAPE)[0], affine)
    qform, sform = codes
    image.set_qform(affine, code=qform)
    affine[:3, 2] += 0.03
    image.set_sform(affine, code=sform)
    image.header['descrip'] = b'JANE DOE'
    nib.save(image, tmp_path / '7.nii')
    code, printed, errors, out = segment(tmp_path / '7.nii')
    check_frame(tmp_path / '7.nii', code, printed, errors, out, '7')
    written = nib.load(out / '7.nii.gz').header
    source = nib.load(tmp_path / '7.nii').header
    for name in ('qform_code', 'sform_code', 'quatern_b', 'srow_x', 'pixdim', 'xyzt_units'):
        assert (written[name] == source[name]).all(), name
    assert written['descrip'] == b''


def check_frame(source, code, printed, errors, out, name='1'):
    assert code == 0, errors
    source, written = nib.load(source), nib.load(out / f'{name}.nii.gz')
    np.testing.assert_array_equal(written.affine, source.affine)  # to the bit
    mask = np.asanyarray(written.dataobj)
    np.testing.assert_array_equal(mask, expected_mask(np.asanyarray(source.dataobj)))
    record = json.loads((out / f'{name}.json').read_text())
    assert record['shape'] == list(source.shape)
    volume = mask.sum() * abs(np.linalg.det(source.affine[:3, :3])) / 1000
    found = record['classes']['pancreas']
    assert found['volume_ml'] == pytest.approx(volume, abs=6e-4)


def test_probabilities_are_half_where_the_mask_begins(study, segment):
    code, _, errors, out = segment(study.glob('manifest*').__next__(), options=['--probabilities'])
    assert code == 0, errors
    image = nib.load(out / 'study_001_probability.nii.gz')
    values = image.get_fdata()
    mask = nib.load(out / 'study_001.nii.gz')
    np.testing.assert_array_equal(values > 0.5, mask.get_fdata() > 0)
    np.testing.assert_array_equal(image.affine, mask.affine)
    assert values.min() == 0 and values.max() == pytest.approx(1) and len(np.unique(values)) > 50
