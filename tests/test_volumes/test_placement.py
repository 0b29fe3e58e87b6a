"""NIfTI files that say in doubtful ways what they are, how long, and where they lie."""

import bz2
import gzip
import lzma
import os

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.experiments.phantom import make_case
from lsnet_mm.volumes import VolumeError, open_nifti, pack_nifti, public_name, read_hu, read_nifti

LAS = np.array([[-0.8, 0, 0, 100], [0, 0.7, 0, -120], [0, 0, 2.5, -50], [0, 0, 0, 1.0]])


@pytest.fixture(scope='module')
def hu():
    return make_case(0, 1, (40, 32, 8))[0]


def save(path, image):
    nib.save(image, path)
    return path


def changed(hu, **fields):
    """Bytes of a file whose header is edited by hand: nibabel would put it right."""
    image = nib.Nifti1Image(hu, LAS)
    image.set_qform(LAS, 1)
    content = image.to_bytes()
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + content[348:]


def placed(hu, sform, codes):
    """Bytes of a file with such a sform and the right qform."""
    rows = dict(zip(('srow_x', 'srow_y', 'srow_z'), sform, strict=False))
    return changed(hu, sform_code=codes[0], qform_code=codes[1], **rows)


def other(**numbers):
    """The affine with some of its elements replaced, by the names of the axes."""
    affine = LAS.copy()
    for name, value in numbers.items():
        affine['xyz'.index(name[0]), 'ijkt'.index(name[1])] = value
    return affine


REFUSED = {
    'contradiction': (other(yj=-0.7), 'its sform and its qform contradict each other'),
    'moved': (other(zt=50), 'its sform and its qform contradict each other'),
    'NaN': (other(xi=np.nan), 'its sform has numbers that place nothing'),
    'zeros': (np.zeros((4, 4)), 'its sform has numbers that place nothing'),
    'infinite': (other(xt=np.inf), 'its sform has numbers that place nothing'),
}
ALONE = {
    'shear': (other(xj=2.0), 'the axes of its sform are not at right angles'),
    'identity': (np.eye(4), 'its sform is a bare identity'),
    'identity in LPS': (np.diag([-1.0, -1, 1, 1]), 'its sform is a bare identity'),
    'flat': (other(xi=0, yi=0.8, zj=0), 'not at right angles'),
    'microns': (LAS * 1000, 'its voxels are 800 x 700 x 2.5e[+]03 mm. Correct its sform, or'),
}


@pytest.mark.parametrize('codes', [(1, 1), (2, 0)], ids=str)
@pytest.mark.parametrize('case', [*REFUSED, *ALONE])
def test_refused_placements(hu, tmp_path, case, codes):
    affine, message = (REFUSED | ALONE)[case]
    if codes == (2, 0) and case in ('contradiction', 'moved'):
        return
    if codes == (1, 1) and case in ALONE:
        message = 'contradict each other'
    (tmp_path / '1.nii').write_bytes(placed(hu, affine, codes))
    with pytest.raises(VolumeError, match=f'^1.nii: .*{message}'):
        read_hu(tmp_path / '1.nii')


@pytest.mark.parametrize('size', [0, -0.8, np.nan])
def test_sizes_that_are_none(hu, tmp_path, size):
    sizes = [1, size, 0.7, 2.5, 1, 1, 1, 1]
    (tmp_path / '1.nii').write_bytes(changed(hu, sform_code=0, pixdim=sizes))
    with pytest.raises(VolumeError, match='^1.nii: .*(place nothing|truncated)'):
        read_hu(tmp_path / '1.nii')


def test_no_codes_are_a_note(hu, tmp_path):
    image = nib.Nifti1Image(hu, None)
    image.header.set_zooms((0.8, 0.7, 2.5))
    volume = read_hu(save(tmp_path / '1.nii', image))
    assert volume.orientation == 'LAS' and 'LAS was assumed' in volume.notes[0]
    assert read_hu(save(tmp_path / '2.nii', nib.Nifti1Image(hu, LAS))).notes == ()


@pytest.mark.parametrize(
    'unit, factor', [('meter', 1e-3), ('mm', 1), ('unknown', 1), ('micron', 1e3)]
)
def test_units(hu, tmp_path, unit, factor):
    image = nib.Nifti1Image(hu, np.diag([factor] * 3 + [1]) @ LAS)
    image.header.set_xyzt_units(unit)
    volume = read_hu(save(tmp_path / '1.nii', image))
    np.testing.assert_allclose(volume.affine, LAS, rtol=1e-5)
    assert volume.spacing == pytest.approx((0.8, 0.7, 2.5), rel=1e-5)


@pytest.mark.parametrize('name', ['1.nii.gz', '2.NII', '3.nii'])
def test_nifti_2_and_axes_of_one(hu, tmp_path, name):
    image = nib.Nifti2Image(hu[..., None, None], LAS)
    content = image.to_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name == '3.nii' else content)
    volume = read_hu(tmp_path / name)
    np.testing.assert_array_equal(volume.voxels, hu)
    np.testing.assert_allclose(volume.affine, LAS)
    mask = nib.Nifti1Image.from_bytes(pack_nifti(volume, tmp_path / name, compressed=False))
    np.testing.assert_allclose(mask.affine, LAS, rtol=1e-6)
    assert mask.shape == hu.shape


BYTES = {
    'fewer slices': (dict(dim=[3, 40, 32, 4, 1, 1, 1, 1]), 'it holds more slices than its header'),
    'more slices': (dict(dim=[3, 40, 32, 800, 1, 1, 1, 1]), 'smaller than its header|truncated'),
    'no end': (dict(dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]), 'it is smaller than its header'),
    'no start': (dict(vox_offset=3e9), 'its voxels begin at byte 3e[+]09'),
    'bits': (dict(datatype=2), 'its header contradicts itself: uint8 voxels of 16 bits'),
    'slope': (dict(scl_slope=np.inf), 'its slope or intercept is infinite'),
    'pair': (dict(magic=b'ni1'), 'it is one half of a pair'),
}


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('case', BYTES)
def test_what_a_header_promises(hu, tmp_path, case, packed):
    fields, message = BYTES[case]
    content = changed(hu, **fields)
    (tmp_path / '1.nii').write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(VolumeError, match=f'^1.nii: .*({message})'):
        read_nifti(tmp_path / '1.nii')


@pytest.mark.parametrize('pack', [bz2.compress, lzma.compress, lambda c: gzip.compress(c)[9:]])
def test_other_containers_are_not_taken_for_headers(hu, tmp_path, pack):
    (tmp_path / '1.nii.gz').write_bytes(pack(changed(hu)))
    with pytest.raises(VolumeError, match='^1.nii.gz: the file is no NIfTI volume, or truncated'):
        read_nifti(tmp_path / '1.nii.gz')


def test_no_more_is_inflated_than_the_header_says(hu, tmp_path, monkeypatch):
    """A hundred megabytes of zeros follow, in a tenth of one."""
    (tmp_path / '1.nii.gz').write_bytes(gzip.compress(changed(hu) + bytes(10**8)))
    read = gzip.GzipFile.read
    sizes = []

    def spy(self, size=-1):
        sizes.append(len(found := read(self, size)))
        return found

    monkeypatch.setattr(gzip.GzipFile, 'read', spy)
    with pytest.raises(VolumeError, match='it holds more slices than its header says'):
        read_nifti(tmp_path / '1.nii.gz')
    assert 0 < sum(sizes) < 10**6


def test_padding_at_the_end_is_no_slice(hu, tmp_path):
    (tmp_path / '1.nii').write_bytes(changed(hu) + bytes(100))
    np.testing.assert_array_equal(read_nifti(tmp_path / '1.nii').voxels, hu)


def test_complex_numbers_are_refused_before_they_are_scaled(tmp_path, hu):
    image = nib.Nifti1Image(hu.astype(np.complex64), LAS)
    image.header.set_slope_inter(2, -1)
    with pytest.raises(VolumeError, match='colours or complex numbers'):
        read_hu(save(tmp_path / '1.nii', image))


def test_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / '1.nii')
    with pytest.raises(VolumeError, match='^1.nii: it is no file, or not there'):
        read_hu(tmp_path / '1.nii')


def test_a_packed_file_is_not_read_by_slices_whatever_its_name(hu, tmp_path):
    (tmp_path / '1.nii').write_bytes(gzip.compress(changed(hu)))
    with pytest.raises(ValueError, match='is compressed and cannot be read slice by slice'):
        open_nifti(tmp_path / '1.nii')


def test_names_that_are_ids_or_dates(tmp_path):
    ids = ('840512-1234', '8405121234', '840512', '19840512', '010284-1234', '1984-0512')
    ids += ('ct840512', 'IM-840512-1234', '000512', 'Doe_Jane', '\uff11\uff12')
    numbers = ('1-001', '1-0123', 'IM-0001-0012', '0000012', 'img0012', '7', 'label0001', '1_234')
    for name in (*ids, *numbers):
        (tmp_path / f'{name}.dcm').touch()
    told = {name: public_name(tmp_path / f'{name}.dcm') for name in (*ids, *numbers)}
    assert all(told[name].startswith('file ') for name in ids), told
    assert all(told[name] == f'{name}.dcm' for name in numbers), told
