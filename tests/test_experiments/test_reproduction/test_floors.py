from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest

from lsnet_mm.evaluation.boxes import boxes_around, centers, iou, sides
from lsnet_mm.experiments.reproduction.floors import (
    best_constant_box,
    center_with_one_size,
    floors,
    mask_boxes,
)

REAL = Path(__file__).parents[3].parent / 'shared' / 'data' / 'pancreas_ct_slices'


@pytest.fixture
def boxes():
    rng = np.random.default_rng(0)
    return boxes_around(rng.integers(9, 12, (15, 2)), rng.integers(2, 7, (15, 2)) * 2.0)


def test_no_box_of_whole_pixels_is_better(boxes):
    grid = np.array([box for box in product(range(20), repeat=4) if box[0] < box[2]], dtype=float)
    grid = grid[grid[:, 1] < grid[:, 3]]
    best = max(iou(box, boxes).mean() for box in grid)
    assert iou(best_constant_box(boxes), boxes).mean() >= best - 1e-3


def test_no_size_of_whole_pixels_is_better(boxes):
    found = center_with_one_size(boxes, boxes)
    assert np.allclose(centers(found), centers(boxes))
    assert np.ptp(sides(found), axis=0) == pytest.approx(0)
    sizes = product(range(1, 16), repeat=2)
    best = max(iou(boxes_around(centers(boxes), np.array(s)), boxes).mean() for s in sizes)
    assert iou(found, boxes).mean() >= best - 1e-3


def put_mask(root, split, name, x1, y1, x2, y2):
    for kind in ('images', 'masks'):
        folder = root / split / kind
        folder.mkdir(parents=True, exist_ok=True)
        mask = np.zeros((32, 32), np.uint8)
        mask[y1:y2, x1:x2] = 1
        cv2.imwrite(str(folder / f'{name}.png'), mask)


def test_of_a_folder_and_of_a_fold(tmp_path):
    """Chosen on 10x10 in the one corner; b is in the other with half the area."""
    put_mask(tmp_path, 'train', 'a_0', 0, 0, 10, 10)
    put_mask(tmp_path, 'train', 'a_1', 0, 0, 0, 0)
    put_mask(tmp_path, 'val', 'b_0', 20, 20, 30, 25)
    put_mask(tmp_path, 'val', 'c_0', 0, 0, 10, 10)
    assert mask_boxes((tmp_path / 'val' / 'masks').glob('b*')).tolist() == [[20, 20, 30, 25]]
    expected = {'one box': 50, 'true centre, one size': 75}
    assert floors(tmp_path) == pytest.approx(expected, abs=0.1)
    folds = [{'train': ['a', 'c'], 'val': ['b']}]
    expected = {'one box': 0, 'true centre, one size': 50}
    assert floors(tmp_path, folds, 0) == pytest.approx(expected, abs=0.1)


@pytest.mark.skipif(not REAL.is_dir(), reason='shared/data/pancreas_ct_slices is not there')
def test_real_slices():
    """The median size in place of the best has 43.0."""
    found = floors(REAL)
    assert found == pytest.approx({'one box': 19.2, 'true centre, one size': 44.4}, abs=0.1)
    train, val = (mask_boxes((REAL / s / 'masks').iterdir()) for s in ('train', 'val'))
    median = boxes_around(centers(val), np.median(sides(train), axis=0))
    assert 100 * iou(median, val).mean() == pytest.approx(43.0, abs=0.1)
