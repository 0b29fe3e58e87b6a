import cv2
import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from lsnet_mm.visualization import TwoStageVisualizer


def build(tmp_path):
    backends = [{'type': 'LocalVisBackend'}]
    return TwoStageVisualizer(vis_backends=backends, save_dir=str(tmp_path), dpi=30)


def sample():
    mask = torch.zeros(1, 32, 32, dtype=torch.uint8)
    mask[:, 8:20, 8:20] = 1
    return SegDataSample(gt_sem_seg=PixelData(data=mask), pred_sem_seg=PixelData(data=mask))


def test_out_file(tmp_path):
    image = np.zeros((32, 32, 3), np.uint8)
    out_file = tmp_path / 'deep' / '0001_003.png'
    build(tmp_path).add_datasample('x', image, sample(), out_file=out_file, with_labels=False)
    assert cv2.imread(str(out_file)).shape[1] == round(3 * 2.9 * 30)
    assert list(out_file.parent.iterdir()) == [out_file]


def test_backends(tmp_path):
    build(tmp_path).add_datasample('0001_003', np.zeros((32, 32), np.uint8), sample(), step=7)
    assert (tmp_path / 'vis_data' / 'vis_image' / '0001_003_7.png').exists()


def test_image_alone(tmp_path):
    out_file = tmp_path / 'x.png'
    build(tmp_path).add_datasample('x', np.zeros((32, 32), np.uint8), out_file=out_file)
    assert out_file.exists()
