import cv2
import numpy as np
import pytest
from pages import page_data, phantom_study

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
    marked = mask.any((1, 2))
    assert [bool(m) for m in out['masks']] == marked.tolist()
    assert [h is not None for h in out['heat']] == heat.any((1, 2)).tolist()
    empty = page_data(study_page(volume, 0 * mask, [np.zeros((0, 4))] * len(volume), SPACING))
    assert not any(empty['masks']) and not any(empty['heat'])
    assert empty['volumes'] == [0] and empty['start'] == len(volume) // 2


def test_large_slices_are_shown_smaller_and_their_masks_whole(study):
    volume, mask = (np.zeros((1, 700, 1400), np.uint8) for _ in range(2))
    mask[0, 100:300, 500] = 1
    page = study_page(volume, mask, [np.zeros((0, 4))], SPACING)
    (part,) = page_data(page)['masks'][0]
    assert (part['x'], part['y']) == (500, 100)
    assert len(page) < 40_000


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
        (dict(volume=np.zeros((2, 4, 4))), 'volume must be uint8'),
        (dict(mask=np.zeros((2, 4, 5), np.uint8)), r'mask must be uint8 \(2, 4, 4\)'),
        (dict(boxes=[]), 'one array a slice, got 0 for 2'),
        (dict(spacing=(1, 1, 0)), 'spacing must be'),
        (dict(mask=np.full((2, 4, 4), 2, np.uint8)), 'mask has label 2'),
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
