"""The DICOM Segmentation as its readers see it."""

import json
import warnings

import nibabel as nib
import numpy as np
import pydicom
import pytest
from threshold_segmentor import expected_mask

from lsnet_mm.apis import LSNetInferencer, segmentation
from lsnet_mm.apis.dicom_seg import MAY_BE_EMPTY
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
    assert code == 2 and 'this is a NIfTI file. Leave out --dicom-seg and' in errors
    assert not out.exists()


def strip(folder, keyword, value=None, index=None):
    """Set an element of all slices or of one, or take it away."""
    files = sorted(folder.glob('*.dcm'))
    for path in files if index is None else [files[index]]:
        data = pydicom.dcmread(path)
        if value is None:
            delattr(data, keyword)
        else:
            data.add_new(keyword, pydicom.datadict.dictionary_VR(keyword), value)
        if keyword == 'SOPInstanceUID' and value:
            data.file_meta.MediaStorageSOPInstanceUID = value
        data.save_as(path)


@pytest.fixture
def series(study, monkeypatch):
    """Folder of a series, which no net may see."""

    def no_net(*args, **kwargs):
        raise AssertionError('the nets ran')

    monkeypatch.setattr(LSNetInferencer, 'forward', no_net)
    return next(study.rglob('*.dcm')).parent


REFUSED = {
    'FrameOfReferenceUID': (None, None, '1-001.dcm: its FrameOfReferenceUID is missing or empty'),
    'StudyInstanceUID': (None, 3, '1-004.dcm: its StudyInstanceUID is missing or empty'),
    'SOPInstanceUID': ('1.2.3.4', None, '1-002.dcm: its SOPInstanceUID is also that of 1-001.dcm'),
    'PatientSex': ('unknown', None, '1-001.dcm: its PatientSex is not what the standard allows'),
    'PatientBirthDate': ('1850', None, '1-001.dcm: its PatientBirthDate is not what the standard'),
    'StudyTime': ('half ten', None, '1-001.dcm: its StudyTime is not what the standard allows'),
}


@pytest.mark.parametrize('keyword', REFUSED)
@pytest.mark.filterwarnings('ignore::UserWarning')  # of pydicom, about what is written here
def test_what_cannot_be_referred_to_is_told_before(series, segment, caplog, keyword):
    value, index, message = REFUSED[keyword]
    strip(series, keyword, value, index)
    code, printed, errors, out = segment(series, options=['--dicom-seg'])
    assert code == 2 and message in errors and 'or leave out --dicom-seg' in errors
    assert not out.exists() and '1.2.' not in printed + errors + caplog.text


def test_another_frame_of_reference(series, segment):
    strip(series, 'FrameOfReferenceUID', '1.2.3', 5)
    code, _, errors, _ = segment(series, options=['--dicom-seg'])
    assert code == 2
    assert '1-006.dcm: its FrameOfReferenceUID is not that of the other slices' in errors


def test_what_may_be_empty_may_be_stripped(study, segment):
    for keyword in MAY_BE_EMPTY:
        for path in study.rglob('*.dcm'):
            data = pydicom.dcmread(path)
            if keyword in data:
                delattr(data, keyword)
                data.save_as(path)
    code, _, errors, out = segment(next(study.rglob('*.dcm')).parent, options=['--dicom-seg'])
    assert code == 0, errors
    data = pydicom.dcmread(out / 'study_001_seg.dcm')
    assert not data.PatientName and not data.PatientID and data.pixel_array.any()


@pytest.mark.parametrize('kind', ['pack_dicom_seg', 'pack_nifti'])
def test_what_fails_beside_the_mask_does_not_cost_the_mask(study, segment, monkeypatch, kind):
    """Either is called for the second file; the first is the mask."""
    real, calls = getattr(segmentation, kind), []

    def fail(*args, **kwargs):
        calls.append(args)
        if kind == 'pack_dicom_seg' or len(calls) == 2:
            raise TypeError('1.2.3')
        return real(*args, **kwargs)

    monkeypatch.setattr(segmentation, kind, fail)
    lost = {'pack_dicom_seg': '_seg.dcm', 'pack_nifti': '_probability.nii.gz'}[kind]
    folder = next(study.rglob('*.dcm')).parent
    code, printed, errors, out = segment(folder, options=['--dicom-seg', '--probabilities'])
    assert code == 1 and 'pancreas' in printed and '1 of 1 studies' in printed
    assert f'study_001{lost} cannot be made: TypeError. The mask is kept.' in errors
    record = json.loads((out / 'study_001.json').read_text())
    assert sorted(p.name for p in out.iterdir()) == sorted([*record['files'], 'study_001.json'])
    assert 'study_001.nii.gz' in record['files'] and f'study_001{lost}' not in record['files']
    mask = (out / 'study_001.nii.gz').read_bytes()
    calls.clear()
    code, _, errors, _ = segment(folder, options=['--dicom-seg', '--probabilities'])
    assert code == 1 and 'cannot be made' in errors  # once more, and not "use --overwrite"
    monkeypatch.undo()
    code, _, errors, _ = segment(folder, options=['--probabilities'])
    done = kind == 'pack_nifti'  # what was made beside would be lost: the DICOM Segmentation
    assert code == (2 if done else 0), errors
    code, _, errors, _ = segment(folder, options=['--dicom-seg', '--probabilities'])
    assert code == 0 and (out / f'study_001{lost}').is_file(), errors
    assert (out / 'study_001.nii.gz').read_bytes() == mask


def test_sources_without_a_preamble(tmp_path, segment):
    download = write_download(tmp_path / 'download', 1, SHAPE, layout='doi', withdrawn=False)
    for path in download.rglob('*.dcm'):
        path.write_bytes(path.read_bytes()[132:])
    code, _, errors, out = segment(download / 'DOI', options=['--dicom-seg'])
    assert code == 0, errors
    assert hd.seg.segread(out / 'study_001_seg.dcm').number_of_frames > 0


def test_odd_identifiers_are_not_printed(tmp_path, segment):
    """A UID that is none: pydicom warns of it, with its value, when it is read."""
    download = write_download(tmp_path / 'download', 1, SHAPE, layout='doi', withdrawn=False)
    for path in download.rglob('*.dcm'):
        uid = str(pydicom.dcmread(path).StudyInstanceUID)
        odd = f'1.SECRET{"x" * (len(uid) - 8)}'
        path.write_bytes(path.read_bytes().replace(uid.encode(), odd.encode()))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        _, printed, errors, out = segment(download / 'DOI', options=['--dicom-seg'])
    assert (out / 'study_001.nii.gz').exists() or errors
    assert 'SECRET' not in printed + errors + ''.join(str(one.message) for one in warned)


def gap(folder):
    sorted(folder.glob('*.dcm'))[3].unlink()


def uneven(folder):
    for k, path in enumerate(sorted(folder.glob('*.dcm'))):
        data = pydicom.dcmread(path)
        data.ImagePositionPatient = [0, 0, -2.5 * k - 0.7 * max(k - 4, 0)]
        data.save_as(path)


def tilted(folder):
    angle = np.radians(15)
    strip(folder, 'ImageOrientationPatient', [1, 0, 0, 0, -np.cos(angle), -np.sin(angle)])


def enhanced(folder):
    """One file of all slices, in another order than theirs."""
    sources = [pydicom.dcmread(path) for path in sorted(folder.glob('*.dcm'))]
    for source in sources:
        source.SeriesNumber = 1
        for keyword in MAY_BE_EMPTY:
            if keyword not in source:
                setattr(source, keyword, '')
    image = hd.legacy.LegacyConvertedEnhancedCTImage(sources, hd.UID(), 1, hd.UID(), 1)
    for path in folder.glob('*.dcm'):
        path.unlink()
    order = np.random.default_rng(0).permutation(len(sources))
    pixels = image.pixel_array[order].tobytes()
    groups = list(image.PerFrameFunctionalGroupsSequence)
    image.PerFrameFunctionalGroupsSequence = [groups[k] for k in order]
    image.PixelData = pixels
    image.save_as(folder / '1.dcm')


IRREGULAR = {  # what is done to a series, the exit code, a message, and whether it has a grid
    'gap': (gap, 1, '1-005.dcm: 1 slice(s) missing between it and 1-003.dcm', False),
    'uneven': (uneven, 0, 'uneven spacing: ', False),
    'tilted': (tilted, 0, 'the gantry was tilted by 15.0 degrees', False),
    'enhanced': (enhanced, 0, '', True),
    'enhanced gap': (lambda f: (gap(f), enhanced(f)), 1, '1 slice(s) missing between', False),
}


def frames_by_position(path):
    """What pydicom reads of a file with frames: (z in mm, stored values) of each."""
    data = pydicom.dcmread(path)
    groups = data.PerFrameFunctionalGroupsSequence
    places = [group.PlanePositionSequence[0].ImagePositionPatient for group in groups]
    pixels = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    return [(tuple(map(float, place)), one) for place, one in zip(places, pixels, strict=True)]


@pytest.mark.parametrize('kind', IRREGULAR)
def test_every_frame_has_its_own_place(study, segment, kind):
    """Slice by slice: no straight grid is needed, nor guessed."""
    spoil, expected_code, message, grid = IRREGULAR[kind]
    folder = next(study.rglob('*.dcm')).parent
    spoil(folder)
    if 'enhanced' in kind:
        sources = frames_by_position(folder / '1.dcm')
    else:
        data = [pydicom.dcmread(path) for path in folder.glob('*.dcm')]
        sources = [(tuple(map(float, one.ImagePositionPatient)), one.pixel_array) for one in data]
    code, _, errors, out = segment(folder, options=['--dicom-seg', '--probabilities', '--preview'])
    assert code == expected_code and message in errors, errors
    expected = {place: expected_mask(hu) for place, hu in sources if expected_mask(hu).any()}
    found = frames_by_position(out / 'study_001_seg.dcm')
    assert {place for place, _ in found} == set(expected) and expected
    for place, mask in found:
        np.testing.assert_array_equal(mask, expected[place])
    record = json.loads((out / 'study_001.json').read_text())
    absent = [] if grid else ['study_001.nii.gz', 'study_001_probability.nii.gz']
    assert record['left_out'] == absent
    assert (out / 'study_001.nii.gz').exists() == grid
    heights = np.sort([place[2] for place, _ in sources])
    thick = dict(zip(heights, np.gradient(heights), strict=True))
    pixels = {place[2]: mask.sum() for place, mask in expected.items()}
    x, y = record['spacing_mm'][:2]
    cos = np.cos(np.radians(15)) if kind == 'tilted' else 1
    ml = sum(pixels[z] * thick[z] * cos for z in pixels) * x * y / 1000
    assert record['classes']['pancreas']['volume_ml'] == pytest.approx(ml, abs=0.01)
    again, printed, errors, _ = segment(
        folder, options=['--dicom-seg', '--probabilities', '--preview']
    )
    assert (
        again == expected_code
        and 'skipped' in printed
        and ('gap' in kind) == bool('1 slice(s) missing' in errors)
    )
    if not grid:  # what is there is no mask in NIfTI
        for options in ([], ['--probabilities']):
            code, _, errors, _ = segment(folder, options=options)
            assert code == 2 and 'NIfTI cannot hold it' in errors


def test_without_a_grid_or_a_segmentation_nothing_starts(series, segment):
    gap(series)
    code, _, errors, out = segment(series, options=['--probabilities'])
    assert code == 2 and not out.exists()
    assert 'NIfTI cannot hold it. Download the series again, or segment it slice by' in errors


def test_of_a_single_slice(study, segment, tmp_path):
    """Named as a file, with and without its thickness."""
    path = sorted(study.rglob('*.dcm'))[4]
    for k, thickness in enumerate((4, None)):
        data = pydicom.dcmread(path)
        if thickness:
            data.SliceThickness = thickness
        data.SOPInstanceUID = f'1.2.3.{k}'
        data.save_as(tmp_path / f'{k}.dcm')
        code, _, errors, out = segment(tmp_path / f'{k}.dcm', options=['--dicom-seg', '--preview'])
        assert code == 0 and f'single slice of {thickness or 1} mm' in errors
        name = f'study_{k + 1:03d}'
        mask = nib.load(out / f'{name}.nii.gz')
        assert mask.shape[2] == 1 and np.asarray(mask.dataobj).any()
        assert mask.header.get_zooms()[2] == pytest.approx(thickness or 1)
        made = hd.seg.segread(out / f'{name}_seg.dcm')
        [frame] = made.get_pixels_by_source_instance([f'1.2.3.{k}'], combine_segments=True)
        np.testing.assert_array_equal(frame.T, np.asarray(mask.dataobj)[..., 0])
