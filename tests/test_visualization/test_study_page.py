import base64
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from pages import page_data, phantom_study
from PIL import Image

from lsnet_mm.visualization import study_montage, study_page
from lsnet_mm.visualization.study import pick_slices

SPACING = (1.0, 2.0, 2.5)


@pytest.fixture(scope='module')
def study():
    return phantom_study()


def test_areas_and_volumes(study):
    volume, mask, boxes, _ = study
    halves = mask.copy()
    halves[:, :, 30:] *= 2
    out = page_data(study_page(volume, halves, boxes, SPACING, classes=('head', 'tail')))
    for label, areas, ml in zip((1, 2), out['areas'], out['volumes'], strict=True):
        pixels = (halves == label).sum((1, 2))
        assert areas == (2.0 * pixels).tolist()
        assert ml == pytest.approx(pixels.sum() * 5.0 / 1000)
    assert out['start'] == mask.sum((1, 2)).argmax()
    assert [len(b) for b in out['boxes']] == [len(b) for b in boxes]


def test_what_does_not_exist_takes_no_room(study):
    volume, mask, boxes, heat = study
    out = page_data(study_page(volume, mask, boxes, SPACING, heat))
    assert [h is not None for h in out['heat']] == heat.any((1, 2)).tolist()
    empty = page_data(study_page(volume, 0 * mask, [np.zeros((0, 4))] * len(volume), SPACING))
    assert empty['labels'] is None and not any(empty['heat'])
    assert empty['volumes'] == [0] and empty['start'] == len(volume) // 2


def unpacked_grey(data):
    """(slices, rows, columns) HU of a page's pictures."""
    pictures = [Image.open(BytesIO(base64.b64decode(grey))) for grey in data['grey']]
    return np.array(data['hu'])[np.stack([np.array(picture) for picture in pictures])]


def test_labels_arrive_without_loss(study):
    volume, mask, boxes, _ = study
    halves = mask.copy()
    halves[:, :, 30:] *= 2
    labels = page_data(study_page(volume, halves, boxes, SPACING, classes=('a', 'b')))['labels']
    part = np.frombuffer(zlib.decompress(base64.b64decode(labels['zlib'])), np.uint8)
    whole = np.zeros_like(halves)
    z, y, x = (slice(n, n + size) for n, size in zip(labels['from'], labels['shape'], strict=True))
    whole[z, y, x] = part.reshape(labels['shape'])
    np.testing.assert_array_equal(whole, halves)


def test_hu_arrive_from_lung_to_bone(study):
    """Within half a level of the curve, where there is nothing for JPEG to blur."""
    values = [-2000, -1024, -900, -600, -160, -100, 0, 42, 100, 240, 500, 1400, 3000]
    volume = np.full((len(values), 16, 16), 1, np.int16) * np.int16(values)[:, None, None]
    mask, boxes = np.zeros(volume.shape, np.uint8), [np.zeros((0, 4))] * len(values)
    for dtype in (np.int16, np.float32):
        found = unpacked_grey(page_data(study_page(volume.astype(dtype), mask, boxes, SPACING)))
        expected = np.clip(volume, -1024, 1500)
        step = np.select([expected < -160, expected <= 240], [19.7, 2.3], 36)
        assert (abs(found - expected) <= step).all()


def test_noise_of_a_scan_hides_what_packing_loses():
    rng = np.random.default_rng(0)
    hu = 40 + cv2.GaussianBlur(rng.normal(0, 30, (256, 256)), (0, 0), 1)[None]
    mask = np.zeros(hu.shape, np.uint8)
    found = unpacked_grey(page_data(study_page(hu, mask, [np.zeros((0, 4))], SPACING)))
    assert np.sqrt(((found - hu) ** 2).mean()) < 0.5 * hu.std() < 6


def test_large_slices_are_shown_smaller_and_their_masks_whole(monkeypatch):
    volume, mask = np.zeros((2, 700, 1400), np.int16), np.zeros((2, 700, 1400), np.uint8)
    mask[0, 100:300, 500] = 1
    about = dict(boxes=[np.zeros((0, 4))] * 2, spacing=SPACING)
    page = study_page(volume, mask, **about)
    data = page_data(page)
    assert data['labels']['from'] == [0, 100, 500] and data['labels']['shape'] == [1, 200, 1]
    assert data['pixels'] == [256, 512] and unpacked_grey(data).shape == (2, 256, 512)
    assert len(page) < 60_000
    monkeypatch.setattr('lsnet_mm.visualization.study.PIXELS', 2 * 100**2)
    data = page_data(study_page(volume, mask, **about))
    assert data['pixels'] == [50, 100] and unpacked_grey(data).shape == (2, 50, 100)


def test_a_page_repeats_and_text_stays_text(study):
    volume, mask, boxes, heat = study
    first, second = (
        study_page(volume, mask, boxes, SPACING, heat, title='</script><b>ä') for _ in range(2)
    )
    assert first == second
    assert first.count(b'</script>') == 2
    assert page_data(first)['title'] == '</script><b>ä'


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(volume=np.zeros((4, 4))), 'volume must be HU'),
        (dict(mask=np.zeros((2, 4, 5), np.uint8)), r'mask must be uint8 \(2, 4, 4\)'),
        (dict(boxes=[]), 'one array a slice, got 0 for 2'),
        (dict(spacing=(1, 1, 0)), 'spacing must be'),
        (dict(mask=np.full((2, 4, 4), 2, np.uint8)), 'mask has label 2'),
        (dict(window=(240, -100)), 'window must be lowest and highest'),
        (dict(heatmaps=np.zeros((1, 2, 2))), r'heatmaps must be \(2, h, w\)'),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    zeros = np.zeros((2, 4, 4), np.uint8)
    right = dict(volume=zeros, mask=zeros, boxes=[np.zeros((0, 4))] * 2, spacing=(1, 1, 1))
    with pytest.raises(ValueError, match=message):
        study_page(**right | change)


def test_montage_shows_the_mask_and_one_slice_on_either_side():
    mask = np.zeros((12, 4, 4), np.uint8)
    mask[[3, 4, 6]] = 1
    assert pick_slices(mask, 24) == [2, 3, 4, 6, 7]
    assert pick_slices(mask, 3) == [2, 4, 7]
    assert pick_slices(mask[3:7], 24) == [0, 1, 3]
    assert pick_slices(0 * mask, 4) == [0, 4, 7, 11]
    assert pick_slices(0 * mask, 1) == [0]


def test_montage_has_outlines_and_boxes(study):
    volume, mask, boxes, _ = study
    png = study_montage(volume, mask, boxes)
    assert png == study_montage(volume, mask, boxes)
    none = study_montage(volume, 0 * mask, [np.zeros((0, 4))] * len(volume))
    colourful = []
    for picture in (png, none):
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).astype(int)
        assert image.shape[1] == 6 * 260
        colourful.append((np.ptp(image, axis=2) > 60).sum())
    assert colourful[0] > 500
    assert colourful[1] == 0


def test_slices_that_stand_for_different_distances():
    mask = np.zeros((3, 8, 8), np.uint8)
    mask[0, :2, :2], mask[2, :4, :4] = 1, 1
    about = dict(spacing=(0.5, 2, 9), thickness=np.array([1, 2, 4]))
    out = page_data(study_page(mask, mask, [np.zeros((0, 4))] * 3, **about))
    assert out['volumes'] == [pytest.approx((4 * 1 + 16 * 4) / 1000)]
