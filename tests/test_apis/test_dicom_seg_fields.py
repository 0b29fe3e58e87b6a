"""What a DICOM Segmentation says of its patient, its model and itself, and label maps."""

import hashlib
import json
import shutil

import nibabel as nib
import numpy as np
import pydicom
import pytest
from threshold_segmentor import expected_mask

from lsnet_mm import __version__
from lsnet_mm.apis import lsnet_inferencer
from lsnet_mm.experiments.phantom import write_download

hd = pytest.importorskip('highdicom')
LABELMAP = '1.2.840.10008.5.1.4.1.1.66.7'


@pytest.fixture
def files(study):
    return sorted(study.rglob('*.dcm'))


def change(files, **values):
    for path in files:
        data = pydicom.dcmread(path)
        for keyword, value in values.items():
            setattr(data, keyword, value)
        data.save_as(path)


@pytest.mark.parametrize('kind', ['seg', 'labelmap'])
@pytest.mark.filterwarnings('ignore:The value length:UserWarning')  # it counts bytes
def test_it_says_which_weights_made_it_and_what_to_be_careful_of(
    files, segment, model, monkeypatch, tmp_path, kind
):
    long = 'a name with a \u0416 and ' + 60 * 'x'
    config = shutil.copy(model[0], tmp_path / f'{long}.py')
    cautions = [
        'The window is another.',
        'The spacing is far from the training\u2019s.',
        1200 * 'y',
    ]
    monkeypatch.setattr(lsnet_inferencer, 'list_cautions', lambda *of: cautions)
    option = f'--dicom-{kind}'
    code, _, errors, out = segment(files[0].parent, options=[option], model=(config, model[1]))
    assert code == 0, errors
    data = pydicom.dcmread(out / f'study_001_{kind}.dcm')
    weights = hashlib.sha256(model[1].read_bytes()).hexdigest()
    assert data.ManufacturerModelName == long[:64] and data.Manufacturer == 'lsnet_mm'
    assert list(data.SoftwareVersions) == [f'lsnet_mm {__version__}', f'weights {weights[:32]}']
    assert data.DeviceSerialNumber == weights[:32]
    assert (
        'not a medical device' in data.ContentDescription and 'research' in data.SeriesDescription
    )
    segment_ = data.SegmentSequence[-1]
    [algorithm] = segment_.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == segment_.SegmentAlgorithmName == long[:64]
    assert algorithm.AlgorithmVersion == weights[:32]
    assert algorithm.AlgorithmSource == f'lsnet_mm {__version__}'
    record = json.loads((out / 'study_001.json').read_text())
    for key, value in record['model'].items():
        assert f'{key}={value}' in str(algorithm.AlgorithmParameters)
    said = segment_.SegmentDescription
    assert said.startswith('Research use, not a medical device. ' + ' '.join(cautions[:2]))
    assert len(said) == 1024


CHARSETS = {
    'japanese': (['', 'ISO 2022 IR 87'], 'Yamada^Tarou=\u5c71\u7530^\u592a\u90ce'),
    'korean': (['', 'ISO 2022 IR 149'], 'Hong^Gildong=\u6d2a^\u5409\u6d1e=\ud64d^\uae38\ub3d9'),
    'chinese': ('GB18030', 'Wang^XiaoDong=\u738b^\u5c0f\u4e1c'),
    'cyrillic': ('ISO_IR 144', '\u041b\u044e\u043a\u0441'),
    'unicode': ('ISO_IR 192', 'M\u00fcller^\u0141ukasz'),
    'no name of a set': ('ISO_IR 6', 'Buc^J'),
    'empty': ('', 'Buc^J'),
}


@pytest.mark.parametrize('kind', CHARSETS)
@pytest.mark.filterwarnings('ignore::UserWarning')  # of pydicom, about what is written here
def test_patients_keep_their_names_in_every_alphabet(files, segment, kind):
    charset, name = CHARSETS[kind]
    change(files, SpecificCharacterSet=charset, PatientName=name)
    code, _, errors, out = segment(files[0].parent, options=['--dicom-seg'])
    assert code == 0, errors
    data = pydicom.dcmread(out / 'study_001_seg.dcm')
    assert data.PatientName == name == pydicom.dcmread(files[0]).PatientName


@pytest.mark.parametrize('order', ['ascending', 'descending'])
def test_a_label_map_holds_the_classes_by_their_number(tmp_path, segment, order):
    """Read by pydicom, frame by frame, and by highdicom, as a volume."""
    options = dict(slice_order=order, layout='doi', withdrawn=False)
    download = write_download(tmp_path / 'd', 1, (40, 32, 10), **options)
    options = ['--dicom-seg', '--dicom-labelmap']
    code, _, errors, out = segment(download / 'DOI', options=options)
    assert code == 0, errors
    data = pydicom.dcmread(out / 'study_001_labelmap.dcm')
    assert data.SOPClassUID == LABELMAP and data.SegmentationType == 'LABELMAP'
    assert [one.SegmentNumber for one in data.SegmentSequence] == [0, 1]
    assert data.SegmentSequence[1].SegmentLabel == 'pancreas'
    sources = [pydicom.dcmread(path) for path in download.rglob('*.dcm')]
    expected = {
        tuple(map(float, one.ImagePositionPatient)): expected_mask(one.pixel_array)
        for one in sources
    }
    pixels = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    for frame, group in zip(pixels, data.PerFrameFunctionalGroupsSequence, strict=True):
        place = tuple(map(float, group.PlanePositionSequence[0].ImagePositionPatient))
        np.testing.assert_array_equal(frame, expected.pop(place))
    assert not any(mask.any() for mask in expected.values())
    volume = hd.seg.segread(out / 'study_001_labelmap.dcm').get_volume(combine_segments=True)
    image = nib.load(out / 'study_001.nii.gz')
    there = nib.affines.apply_affine(
        np.diag([-1, -1, 1, 1]) @ volume.affine, np.argwhere(volume.array)
    )
    voxels = nib.affines.apply_affine(np.linalg.inv(image.affine), there).round().astype(int)
    mask = np.zeros(image.shape, np.uint8)
    mask[tuple(voxels.T)] = 1
    np.testing.assert_array_equal(mask, np.asanyarray(image.dataobj))
    one = pydicom.dcmread(out / 'study_001_seg.dcm')
    assert one.SegmentationType == 'BINARY' and one.SeriesInstanceUID != data.SeriesInstanceUID
    assert one.SeriesNumber != data.SeriesNumber
    code, printed, errors, _ = segment(download / 'DOI', options=options)
    assert code == 0 and 'skipped' in printed, errors


def test_a_series_with_a_gap_has_a_label_map_too(files, segment):
    files[3].unlink()
    code, _, errors, out = segment(files[0].parent, options=['--dicom-labelmap'])
    assert code == 1 and '1 slice(s) missing' in errors
    data = pydicom.dcmread(out / 'study_001_labelmap.dcm')
    places = {
        float(path.ImagePositionPatient[2]) for path in map(pydicom.dcmread, files[:3] + files[4:])
    }
    groups = data.PerFrameFunctionalGroupsSequence
    assert {float(g.PlanePositionSequence[0].ImagePositionPatient[2]) for g in groups} == places


@pytest.mark.parametrize('option', ['--dicom-seg', '--dicom-labelmap'])
def test_an_old_highdicom(files, segment, monkeypatch, option):
    monkeypatch.setattr(hd, '__version__', '0.27.0')
    code, _, errors, out = segment(files[0].parent, options=[option])
    assert code == 2 and 'needs highdicom 0.28 or newer, and this is 0.27.0. Upgrade' in errors
    assert not out.exists()
