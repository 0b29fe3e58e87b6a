import numpy as np
import pytest
from scipy import stats

from lsnet_mm.datasets import RandomIntensity

NONE = dict(brightness=0, contrast=0, gamma=0, noise=0)


def image(dtype=np.float32):
    grey = np.random.default_rng(0).uniform(0, 255, (32, 40, 1)).astype(dtype)
    return np.repeat(grey, 3, axis=2)


@pytest.mark.parametrize('dtype', [np.float32, np.uint8])
def test_nothing_to_vary_is_identity(dtype):
    out = RandomIntensity(**NONE)(dict(img=image(dtype)))['img']
    np.testing.assert_allclose(out, image(dtype), atol=1e-3)
    assert out.dtype == np.float32
    with pytest.raises(ValueError, match='must not be negative'):
        RandomIntensity(noise=-1)


@pytest.mark.parametrize('dtype', [np.float32, np.uint8])
def test_a_grey_image_changes_as_each_of_its_channels_would(dtype):
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
        out = RandomIntensity(**{**NONE, 'noise': 0.05})(dict(img=flat))['img'][..., 0]
        draws = (out - 127.5) / (255 * deviation)
        assert stats.kstest(draws.ravel(), 'norm').pvalue > 0.001
        assert abs(np.corrcoef(draws[:, 1:].ravel(), draws[:, :-1].ravel())[0, 1]) < 0.02
