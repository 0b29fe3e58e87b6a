import numpy as np
import pytest

from lsnet_mm.experiments.benchmark.scene import phantom_scene, read_scene
from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.volumes import ORIENTATION, Volume, pack_nifti


def test_the_share_is_what_was_asked_for(scene):
    assert len(scene) == 10 and len(scene.organ_slices) == 4
    assert np.ptp(scene.organ_slices) == 3  # they lie together, as in a body
    assert scene.organ_slices[0] == 3  # in the middle
    assert len(phantom_scene(32, 5, 1).organ_slices) == 5
    # As in prediction.
    assert scene.volume.orientation == ORIENTATION == scene.label.orientation


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
    empty = Volume(np.zeros_like(scene.label.voxels), scene.label.affine)
    (tmp_path / 'empty.nii').write_bytes(pack_nifti(empty, compressed=False))
    with pytest.raises(ValueError, match='empty.nii is empty'):
        read_scene(image, tmp_path / 'empty.nii')
