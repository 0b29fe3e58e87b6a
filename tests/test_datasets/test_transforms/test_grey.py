import numpy as np
import pytest

from lsnet_mm.datasets.transforms.grey import on_channels, repeat

GREY = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize('img, seen', [
    (GREY, (3, 4, 1)),
    (GREY[..., None], (3, 4, 1)),
    (np.repeat(GREY[..., None], 3, axis=2), (3, 4, 1)),
    (repeat(GREY, 5), (3, 4, 1)),
    (np.stack([GREY, GREY, GREY + 1], axis=2), (3, 4, 3)),
    (np.stack([GREY + 1, GREY, GREY], axis=2), (3, 4, 3)),
])  # fmt: skip
def test_equal_channels_are_changed_once(img, seen):
    shapes = []

    def double(part):
        shapes.append(part.shape)
        return 2 * part

    before = img.copy()
    out = on_channels(img, double)
    assert shapes == [seen] and out.shape == img.shape and out.flags.writeable
    np.testing.assert_array_equal(out, 2 * before)
    np.testing.assert_array_equal(img, before)


def test_repeated_planes_pack_without_a_copy():
    planes = repeat(GREY, 3).transpose(2, 0, 1)
    assert planes.flags.c_contiguous and planes.shape == (3, 3, 4)
