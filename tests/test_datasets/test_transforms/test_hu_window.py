import numpy as np
import pytest

from lsnet_mm.datasets import HUWindow


def test_literal_values():
    img = np.array([-1024, -100, 70, 240, 3000], np.float32).reshape(1, 5, 1)
    out = HUWindow()(dict(img=img))['img']
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.ravel(), [0, 0, 127.5, 255, 255], rtol=1e-6)
    out = HUWindow((-125, 275))(dict(img=img.astype(np.int16)))['img']
    np.testing.assert_allclose(out.ravel()[1:3], [255 * 25 / 400, 255 * 195 / 400], rtol=1e-6)


def test_bad_window():
    with pytest.raises(ValueError, match=r'window must be \(low, high\) in HU, got \(240, -100\)'):
        HUWindow((240, -100))
