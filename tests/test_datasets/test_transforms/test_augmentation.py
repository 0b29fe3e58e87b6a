import cv2
import numpy as np
import pytest
from scipy import stats

from lsnet_mm.datasets import RandomCTAffine, RandomIntensity
from lsnet_mm.datasets.transforms.augmentation import affine_matrix
from lsnet_mm.datasets.transforms.boxes_from_mask import component_boxes

NONE = dict(rotation=0, scale=0, shift=0)
STEADY = dict(brightness=0, contrast=0, gamma=0, noise=0)


def sample(height=60, width=80, channels=3, dtype=np.float32):
    rng = np.random.default_rng(0)
    img = rng.uniform(0, 255, (height, width, channels)).astype(dtype)
    mask = np.zeros((height, width), np.uint8)
    mask[20:35, 25:55] = 1
    return dict(img=img, gt_seg_map=mask, seg_fields=['gt_seg_map'])


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.float32, np.uint8])
def test_identity_is_exact(channels, dtype):
    before, after = (sample(channels=channels, dtype=dtype) for _ in range(2))
    RandomCTAffine(**NONE)(after)
    RandomCTAffine(prob=0)(after)
    for key in ('img', 'gt_seg_map'):
        assert after[key].dtype == before[key].dtype
        np.testing.assert_array_equal(after[key], before[key])


def test_whole_pixel_shift(monkeypatch):
    draws = iter([0.0, 1.0, np.array([0.1, -0.05])])
    monkeypatch.setattr(np.random, 'uniform', lambda *args, **kwargs: next(draws))
    after = RandomCTAffine()(sample())
    before = sample()
    np.testing.assert_array_equal(after['img'][:-3, 8:], before['img'][3:, :-8])
    np.testing.assert_array_equal(after['gt_seg_map'][:-3, 8:], before['gt_seg_map'][3:, :-8])
    for key in ('img', 'gt_seg_map'):
        assert not after[key][-3:].any() and not after[key][:, :8].any()


def test_quarter_turn_is_rot90(monkeypatch):
    # About the image's centre, half a pixel off the central pixel's centre: any slip shows.
    draws = iter([90.0, 1.0, np.zeros(2)])
    monkeypatch.setattr(np.random, 'uniform', lambda *args, **kwargs: next(draws))
    before, after = sample(64, 64), sample(64, 64)
    RandomCTAffine()(after)
    np.testing.assert_array_equal(after['gt_seg_map'], np.rot90(before['gt_seg_map'], -1))
    np.testing.assert_allclose(after['img'], np.rot90(before['img'], -1), atol=1e-3)


def test_matrix_keeps_the_centre_and_agrees_with_opencv():
    matrix = affine_matrix(30, 1.2, (0, 0), (80, 60))
    np.testing.assert_allclose(matrix @ (40, 30, 1), (40, 30))
    # OpenCV's positive angle turns the other way.
    np.testing.assert_allclose(matrix, cv2.getRotationMatrix2D((40, 30), -30, 1.2))


@pytest.mark.parametrize('channels', [3, 5, 7, 9])
def test_neighbouring_slices_move_as_one(channels):
    results = sample(channels=channels)
    results['img'] *= np.arange(1, channels + 1, dtype=np.float32)
    results['img'] = np.asfortranarray(results['img'])  # any order in memory
    alone = [np.ascontiguousarray(results['img'][..., c : c + 1]) for c in range(channels)]
    np.random.seed(0)
    moved = RandomCTAffine()(results)['img']
    for c, img in enumerate(alone):
        np.random.seed(0)
        one = RandomCTAffine()({**sample(), 'img': img})['img']
        np.testing.assert_allclose(moved[..., c : c + 1], one, rtol=1e-6)


def test_a_grey_image_moves_as_its_only_channel_would():
    grey = sample(channels=1)['img']
    outputs = []
    for img in (grey[..., 0], grey):
        np.random.seed(0)
        outputs.append(RandomCTAffine()({**sample(), 'img': img})['img'])
        assert outputs[-1].shape == img.shape
    np.testing.assert_array_equal(outputs[0], outputs[1][..., 0])


@pytest.mark.parametrize('seed', range(8))
def test_mask_image_and_box_move_together(seed):
    results = sample(120, 160)
    results['gt_seg_map'][:] = 0
    results['gt_seg_map'][45:70, 60:105] = 1
    results['img'] = np.repeat(results['gt_seg_map'][..., None] * np.float32(255), 3, axis=2)
    np.random.seed(seed)
    RandomCTAffine()(results)

    np.random.seed(seed)  # the same draws, by hand
    np.random.rand()
    angle, factor = np.random.uniform(-10, 10), np.random.uniform(0.8, 1.2)
    shift = np.random.uniform(-0.1, 0.1, size=2) * (160, 120)
    corners = np.array([(60, 45, 1), (105, 45, 1), (60, 70, 1), (105, 70, 1)])
    moved = corners @ affine_matrix(angle, factor, shift, (160, 120)).T
    expected = np.concatenate([moved.min(0), moved.max(0)])
    box = component_boxes(results['gt_seg_map'], 1)
    assert len(box) == 1
    np.testing.assert_allclose(box[0], expected, atol=1.5)

    thresholded = results['img'][..., 0] > 127.5
    assert np.mean(thresholded != results['gt_seg_map']) < 0.003  # pixels of the outline


def test_bad_arguments():
    for name, value in (('scale', 1), ('prob', 2)):
        with pytest.raises(ValueError, match=f'{name} must lie in .*, got {value}'):
            RandomCTAffine(**{name: value})


def image(dtype=np.float32):
    grey = np.random.default_rng(0).uniform(0, 255, (32, 40, 1)).astype(dtype)
    return np.repeat(grey, 3, axis=2)


@pytest.mark.parametrize('dtype', [np.float32, np.uint8])
def test_nothing_to_vary_is_identity(dtype):
    out = RandomIntensity(**STEADY)(dict(img=image(dtype)))['img']
    np.testing.assert_allclose(out, image(dtype), atol=1e-3)
    assert out.dtype == np.float32
    with pytest.raises(ValueError, match='no argument must be negative'):
        RandomIntensity(noise=-1)


@pytest.mark.parametrize('dtype', [np.float32, np.uint8])
def test_a_grey_image_varies_as_each_of_its_channels_would(dtype):
    """The noise is the same; only the mean of three channels is rounded otherwise than of one."""
    outputs = []
    for img in (image(dtype)[..., 0], image(dtype)[..., :1], image(dtype)):
        np.random.seed(0)
        outputs.append(RandomIntensity(0.5, 0.5, 0.5, noise=0.1)(dict(img=img))['img'])
        assert outputs[-1].shape == img.shape and outputs[-1].dtype == np.float32
        assert outputs[-1].min() >= 0 and outputs[-1].max() <= 255
    np.testing.assert_array_equal(outputs[0], outputs[1][..., 0])
    np.testing.assert_allclose(outputs[2], np.repeat(outputs[1], 3, axis=2), atol=1e-3)


def by_formula(img, contrast, brightness, gamma, noise):
    """The same draws in float64 by the formula; noise is left out."""
    draw = np.random.uniform
    x = img / 255.0
    x = (x - x.mean()) * (1 + draw(-contrast, contrast)) + x.mean() + draw(-brightness, brightness)
    return 255 * np.clip(x, 0, 1) ** np.exp(draw(-gamma, gamma))


@pytest.mark.parametrize('order', ['C', 'F'])
@pytest.mark.parametrize('shape', [(20, 30), (20, 30, 5)])
def test_against_the_formula(shape, order):
    img = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    for seed in range(4):
        np.random.seed(seed)
        expected = by_formula(img.astype(np.float64), 0.3, 0.2, 0.4, 0)
        np.random.seed(seed)
        out = RandomIntensity(0.2, 0.3, 0.4, noise=0)(dict(img=np.array(img, order=order)))['img']
        np.testing.assert_allclose(out, expected, atol=2e-3)


def test_noise_is_normal_and_of_the_drawn_deviation():
    flat = np.full((256, 256, 3), 127.5, np.float32)
    for seed in range(3):
        np.random.seed(seed)
        np.random.uniform(size=3)
        deviation = np.random.uniform(0, 0.05)
        np.random.seed(seed)
        out = RandomIntensity(**{**STEADY, 'noise': 0.05})(dict(img=flat))['img'][..., 0]
        draws = (out - 127.5) / (255 * deviation)
        assert stats.kstest(draws.ravel(), 'norm').pvalue > 0.001
        assert abs(np.corrcoef(draws[:, 1:].ravel(), draws[:, :-1].ravel())[0, 1]) < 0.02
