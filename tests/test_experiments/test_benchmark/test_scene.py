import cv2
import numpy as np
import pytest

from lsnet_mm.experiments.benchmark.scene import phantom_scene, read_scene
from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.volumes import ORIENTATION


def test_the_share_is_what_was_asked_for(scene):
    assert len(scene) == 10 and len(scene.organ_slices) == 4 and scene.share == 0.4
    assert np.ptp(scene.organ_slices) == 3  # they lie together, as in a body
    assert len(phantom_scene(32, 5, 0).organ_slices) == 0
    with pytest.raises(ValueError, match='0-1'):
        phantom_scene(32, 5, 1.5)


def test_boxes_hold_the_mask(scene):
    number = int(scene.organ_slices[0])
    rows, cols = np.nonzero(scene.mask(number))
    boxes = scene.boxes(number)
    low, high = boxes[:, :2].min(0).values.tolist(), boxes[:, 2:].max(0).values.tolist()
    assert low[0] >= cols.min() and low[1] >= rows.min()
    assert high[0] <= cols.max() + 1 and high[1] <= rows.max() + 1


def test_from_files(tmp_path):
    data = write_prepared(tmp_path / 'data', 4, (48, 40, 12))
    image = sorted((data / 'imagesTr').iterdir())[0]
    label = sorted((data / 'labelsTr').iterdir())[0]
    scene = read_scene(image, label)
    assert scene.volume.voxels.shape == (48, 40, 12)
    assert scene.mask(int(scene.organ_slices[0])).shape == (40, 48)
    other = write_prepared(tmp_path / 'other', 4, (40, 40, 12))
    with pytest.raises(ValueError, match='is'):
        read_scene(image, sorted((other / 'labelsTr').iterdir())[0])


def test_slices_are_numbered_as_in_prediction(scene):
    assert scene.volume.orientation == ORIENTATION == scene.label.orientation


def test_from_folders_of_slices(tmp_path):
    rng = np.random.default_rng(0)
    images, masks = rng.integers(0, 256, (2, 3, 20, 30), dtype=np.uint8)
    for kind, stack in (('images', images), ('masks', masks // 255)):
        (tmp_path / kind).mkdir()
        for k, slice_ in enumerate(stack):
            cv2.imwrite(str(tmp_path / kind / f'{k}.png'), slice_)
    scene = read_scene(tmp_path / 'images', tmp_path / 'masks')
    assert scene.volume.orientation == ORIENTATION and len(scene) == 3
    for k in range(3):
        assert np.array_equal(scene.volume.voxels[..., k].T, images[k])
        assert np.array_equal(scene.mask(k), masks[k] // 255)
    (tmp_path / 'masks' / '1.png').write_text('no picture')
    with pytest.raises(ValueError, match='1.png cannot be read, or has another size'):
        read_scene(tmp_path / 'images', tmp_path / 'masks')
    (tmp_path / 'masks' / '1.png').unlink()
    with pytest.raises(ValueError, match='no mask of 1.png'):
        read_scene(tmp_path / 'images', tmp_path / 'masks')
    (tmp_path / 'none').mkdir()
    with pytest.raises(ValueError, match='has no .jpg or .png'):
        read_scene(tmp_path / 'none', tmp_path / 'masks')
