"""The DICOM Segmentation as its readers see it."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
from threshold_segmentor import expected_mask

from lsnet_mm.experiments.phantom import write_download

hd = pytest.importorskip('highdicom')
SHAPE = (40, 32, 10)


@pytest.fixture(params=['ascending', 'descending'])
def written(request, tmp_path, segment):
    """Source files by SOP instance, and the folder of the outputs."""
    options = dict(slice_order=request.param, layout='doi', withdrawn=False)
    download = write_download(tmp_path / 'download', 1, SHAPE, **options)
    code, _, errors, out = segment(download / 'DOI', options=['--dicom-seg'])
    assert code == 0, errors
    sources = [pydicom.dcmread(path) for path in download.rglob('*.dcm')]
    return {data.SOPInstanceUID: data for data in sources}, out


def test_frames_match_by_instance(written):
    """highdicom's reading: each frame against the file that it refers to."""
    sources, out = written
    segmentation = hd.seg.segread(out / 'study_001_seg.dcm')
    uids = list(sources)
    frames = segmentation.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    assert frames.shape == (SHAPE[2], SHAPE[1], SHAPE[0], 1)
    for uid, frame in zip(uids, frames[..., 0], strict=True):
        np.testing.assert_array_equal(frame, expected_mask(sources[uid].pixel_array))
    mask = np.asanyarray(nib.load(out / 'study_001.nii.gz').dataobj)
    assert frames.sum() == mask.sum() > 0


def test_it_lies_where_the_nifti_lies(written):
    _, out = written
    volume = hd.seg.segread(out / 'study_001_seg.dcm').get_volume()
    image = nib.load(out / 'study_001.nii.gz')
    to_ras = np.diag([-1, -1, 1, 1])
    there = nib.affines.apply_affine(to_ras @ volume.affine, np.argwhere(volume.array[..., 0]))
    voxels = nib.affines.apply_affine(np.linalg.inv(image.affine), there).round().astype(int)
    mask = np.zeros(SHAPE, np.uint8)
    mask[tuple(voxels.T)] = 1
    np.testing.assert_array_equal(mask, np.asanyarray(image.dataobj))


def test_references(written):
    """pydicom's reading: patient, study, frame of reference and every source image."""
    sources, out = written
    source, data = next(iter(sources.values())), pydicom.dcmread(out / 'study_001_seg.dcm')
    assert data.SOPClassUID == pydicom.uid.SegmentationStorage and data.Modality == 'SEG'
    for keyword in ('StudyInstanceUID', 'FrameOfReferenceUID', 'PatientID', 'PatientName'):
        assert data[keyword].value == source[keyword].value
    assert data.SeriesInstanceUID != source.SeriesInstanceUID
    [series] = data.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    referred = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
    assert referred == set(sources)
    [segment] = data.SegmentSequence
    assert segment.SegmentLabel == 'pancreas' and segment.SegmentAlgorithmType == 'AUTOMATIC'
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == 'Pancreas'
    assert data.pixel_array.shape[1:] == (SHAPE[1], SHAPE[0])


def test_empty_mask(study, segment, tmp_path):
    """Nothing found is a result too."""
    for path in study.rglob('*.dcm'):
        data = pydicom.dcmread(path)
        data.PixelData = np.full((SHAPE[1], SHAPE[0]), -500, '<i2').tobytes()
        data.save_as(path)
    code, printed, errors, out = segment(next(study.rglob('*.dcm')).parent, options=['--dicom-seg'])
    assert code == 0, errors
    assert 'pancreas 0.0 ml' in printed
    assert hd.seg.segread(out / 'study_001_seg.dcm').pixel_array.sum() == 0


def test_a_nifti_file_has_nothing_to_refer_to(tmp_path, segment):
    nib.save(nib.Nifti1Image(np.full((8, 8, 4), -90, np.int16), np.eye(4)), tmp_path / '1.nii')
    code, _, errors, out = segment(tmp_path / '1.nii', options=['--dicom-seg'])
    assert code == 2 and 'this is a NIfTI file. Leave out --dicom-seg.' in errors
    assert not out.exists()
