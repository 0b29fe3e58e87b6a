"""PNG and JPG slices: HU by a window, the right way up, and what is no such slice is refused."""

import io

import numpy as np
import pytest
from PIL import Image

from lsnet_mm.volumes import VolumeError, group_pictures, is_picture, read_pictures

GREY = np.arange(48 * 40, dtype=np.uint32).reshape(48, 40).astype(np.uint8)  # all 256 values


@pytest.fixture
def read(tmp_path):
    """Read pictures of ``tmp_path``; of one its grey values, as the window maps HU to them."""

    def volume(window=(0, 255), spine='top', *names):
        [one] = group_pictures([tmp_path / name for name in names or ['a.png']])
        return read_pictures(one, window, spine)

    return volume


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)


@pytest.mark.parametrize('window', [(0, 255), (-100, 240), (-160.5, 239.5), (-1024, 3071)])
def test_the_window_gives_hu_and_the_same_greys_again(read, tmp_path, window):
    save(tmp_path / 'a.png', GREY)
    volume = read(window)
    low, high = window
    expected = low + GREY.T.astype(float) * (high - low) / 255
    np.testing.assert_allclose(volume.voxels[..., 0], expected, atol=1e-3)
    again = np.rint((volume.voxels[..., 0].T - np.float32(low)) * (255 / (high - low)))
    np.testing.assert_array_equal(again, GREY)
    assert volume.picture == window and volume.notes == ()


@pytest.mark.parametrize('spine, seen', [('top', GREY), ('bottom', GREY[::-1]), (None, GREY)])
def test_the_net_sees_the_spine_at_the_top(read, tmp_path, spine, seen):
    save(tmp_path / 'a.png', GREY)
    volume = read((0, 255), spine)
    np.testing.assert_array_equal(volume.oriented('LAI').voxels[..., 0].T, seen)
    np.testing.assert_array_equal(volume.voxels[..., 0].T, GREY)
    assert [*volume.notes] == ([] if spine else [
        'is taken to have the spine at the top; else say --spine bottom'
    ])  # fmt: skip


#: Ways in which the same grey slice is written.
SAME = {
    'three channels': lambda path: save(path, np.dstack([GREY] * 3)),
    'opaque': lambda path: save(path, np.dstack([GREY] * 3 + [np.full_like(GREY, 255)])),
    'a palette': lambda path: Image.fromarray(GREY).convert('P').save(path),
    'turned by EXIF': lambda path: turned(path),
}


def turned(path):
    """Stored with its first row at the bottom, and shown upright."""
    exif = Image.Exif()
    exif[0x0112] = 3  # by 180 degrees
    save(path, GREY[::-1, ::-1].copy(), exif=exif)


@pytest.mark.parametrize('write', SAME.values(), ids=SAME)
def test_the_same_slice(read, tmp_path, write):
    write(tmp_path / 'a.png')
    volume = read()
    np.testing.assert_array_equal(volume.voxels[..., 0].T, GREY)
    told = ('is turned as its EXIF data say, and so is its mask',)
    assert volume.notes == (told if write is SAME['turned by EXIF'] else ())


@pytest.mark.parametrize('mode', ['L', 'RGB'])
def test_jpg(read, tmp_path, mode):
    """As PIL decodes it; colours of equal channels may be rounded apart."""
    smooth = np.add.outer(np.arange(48), np.arange(40)).astype(np.uint8)
    Image.fromarray(smooth).convert(mode).save(tmp_path / 'a.jpg', quality=90)
    expected = np.asarray(Image.open(tmp_path / 'a.jpg').convert('L'))
    np.testing.assert_array_equal(read((0, 255), 'top', 'a.jpg').voxels[..., 0].T, expected)


def color(path):
    save(path, np.dstack([GREY, GREY, 255 - GREY]))


def truncated(path):
    save(path, np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8))
    path.write_bytes(path.read_bytes()[:-5000])


def moving(path):
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def bomb(path):
    Image.new('1', (20_000, 20_000)).save(path)


def other_format(path):
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, 'BMP')
    path.write_bytes(file.getvalue())


REFUSED = {
    'colours': (color, 'it is in colour, and a slice of CT is grey. Export it as an 8-bit'),
    '16 bits': (lambda path: save(path, GREY.astype(np.uint16) * 200), 'its pixels have 16 bits'),
    'see-through': (lambda path: save(path, np.dstack([GREY] * 4)), 'parts of it are transparent'),
    'truncated': (truncated, 'the file is damaged or truncated. Export it again'),
    'empty': (lambda path: path.write_bytes(b''), 'the file is no PNG or JPG picture, or trunc'),
    'BMP': (other_format, 'the file is no PNG or JPG picture'),
    'moving': (moving, 'it holds 2 pictures'),
    'a bomb': (bomb, r'it has (20000 x 20000|more) pixels'),
}


@pytest.mark.parametrize('write, message', REFUSED.values(), ids=REFUSED)
def test_refused(read, tmp_path, write, message):
    write(tmp_path / 'a.png')
    with pytest.raises(VolumeError, match=f'^file 1 of 1: {message}'):
        read()


def test_a_window_must_be_stated(read, tmp_path):
    save(tmp_path / 'a.png', GREY)
    with pytest.raises(VolumeError, match='nothing says which HU .* --window LOW HIGH'):
        read(None)


def test_slices_of_a_case(read, tmp_path):
    """In the order of their numbers; a case of its own for each other name."""
    for number in (10, 9, 2):
        save(tmp_path / f'jane_{number:03d}.png', GREY + np.uint8(number))
    save(tmp_path / 'other.png', GREY)
    first, second = group_pictures(tmp_path.iterdir())
    assert first.numbers == ('002', '009', '010') and second.numbers == ()
    volume = read_pictures(first, (0, 255), 'top')
    np.testing.assert_array_equal(volume.voxels[3, 4], [163 + n for n in (2, 9, 10)])
    save(tmp_path / 'jane_010.png', GREY[1:])
    with pytest.raises(VolumeError, match=r'\(47, 40\), of most slices of its case \(48, 40\)'):
        read_pictures(first, (0, 255), 'top')
    save(tmp_path / 'jane_09.png', GREY)
    with pytest.raises(VolumeError, match='it has the case and the number of file') as error:
        group_pictures(tmp_path.iterdir())
    assert 'jane' not in str(error.value)


def test_known_by_first_bytes(tmp_path):
    save(tmp_path / 'a.png', GREY)
    (tmp_path / 'a.png').rename(tmp_path / 'unnamed')
    (tmp_path / 'text').write_text('a text')
    assert is_picture(tmp_path / 'unnamed') and not is_picture(tmp_path / 'text')
    assert not is_picture(tmp_path / 'nowhere.png') and not is_picture(tmp_path)
