import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from mmseg.structures import SegDataSample

from lsnet_mm.visualization import SliceView, TwoStageVisualizer, draw_panel, input_image


def two_stage_sample(boxes=((20, 30, 50, 60),)):
    gt = torch.zeros(1, 64, 96, dtype=torch.uint8)
    gt[:, 30:60, 20:50] = 1
    gt[:, :4] = 255
    boxes = torch.tensor(boxes, dtype=torch.float).view(-1, 4)
    out = SegDataSample(gt_sem_seg=PixelData(data=gt), pred_sem_seg=PixelData(data=gt.flip(2)))
    out.gt_instances = InstanceData(bboxes=torch.tensor([[20.0, 30.0, 50.0, 60.0]]))
    out.pred_instances = InstanceData(bboxes=boxes, scores=torch.full((len(boxes),), 0.7))
    out.pred_heatmap = PixelData(data=torch.rand(1, 16, 24))
    return out


def view(sample, **kwargs):
    return SliceView(np.zeros((64, 96), np.uint8), sample, **kwargs)


def picture(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def test_a_view_takes_what_there_is():
    full = view(two_stage_sample())
    assert full.gt.sum() == 900
    assert full.pred_boxes.tolist() == [[20, 30, 50, 60]]
    assert full.heatmap.shape == (16, 24)
    assert view(two_stage_sample(), gt=False).gt_boxes is None
    assert view(two_stage_sample(), pred=False).heatmap is None
    assert view(BaseDataElement()).pred is None


def test_the_legend_names_what_is_drawn(monkeypatch):
    labels = []

    def legend(figure, handles, **_):
        labels.append([handle.get_label() for handle in handles])

    monkeypatch.setattr(Figure, 'legend', legend)
    sample = two_stage_sample()
    for kwargs in (dict(pred=False), dict(gt=False), dict(pred=False, classes=('a', 'b'))):
        draw_panel([view(sample, **kwargs)], ['a slice'], dpi=40)
    box, heat = 'predicted box (score, %)', 'heatmap of centres'
    assert labels[0] == ['ground truth']
    assert labels[1] == ['prediction', box, heat]
    assert labels[2] == ['a', 'b', 'outline: ground truth', 'true box']


def test_a_view_refuses_other_sizes():
    with pytest.raises(ValueError, match=r'same size, got \(64, 96\) and \(64, 64\)'):
        SliceView(np.zeros((64, 64), np.uint8), two_stage_sample())


def test_window_is_a_square_inside_the_image():
    assert view(BaseDataElement()).window() == (0, 0, 96, 64)
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 512, 512)))
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[0.0, 100, 40, 240]]))
    large = SliceView(np.zeros((512, 512), np.uint8), sample)
    assert large.window() == (0, 76, 188, 264)


def test_input_image_returns_to_the_original_size():
    inputs = torch.full((3, 8, 8), 300.0)
    inputs[1] = 99.6
    image = input_image(inputs, (16, 24))
    assert image.shape == (16, 24) and image.dtype == np.uint8
    assert set(image.ravel()) == {100}


def test_what_is_marked_is_seen():
    yellow = np.array([66, 228, 240])
    near = []
    for boxes in ([(5, 5, 60, 60)], []):
        image = picture(draw_panel([view(two_stage_sample(boxes))], ['a'], dpi=60)).astype(int)
        near.append((np.abs(image - yellow).max(-1) < 40).sum())
    assert near[0] > near[1] + 20


def test_each_class_has_its_colour():
    """Of two classes: the outline of the true one, the fill of the found one, and their names."""
    gt, pred = torch.zeros(2, 1, 64, 96, dtype=torch.uint8)
    gt[:, 10:20, 10:30], gt[:, 30:50, 50:80] = 1, 2
    pred[:, 30:50, 50:80] = 2
    out = SegDataSample(gt_sem_seg=PixelData(data=gt), pred_sem_seg=PixelData(data=pred))
    both = [view(out, classes=('liver', 'spleen')[:count]) for count in (2, 1)]
    assert both[0].colors == [('liver', '#E8590C', '#E8590C'), ('spleen', '#56B4E9', '#56B4E9')]
    orange, blue = np.array([12, 89, 232]), np.array([233, 180, 86])
    seen = [picture(draw_panel([one], ['a'], dpi=90)).astype(int) for one in both]
    several, single = (
        [(np.abs(image - color).max(-1) < 30).sum() for color in (orange, blue)] for image in seen
    )
    assert min(several) > 40 and single[1] == 0
    assert (both[1].gt == (both[0].gt > 0)).all()  # without names any label is the object


def test_panel_has_a_row_for_each_group():
    views = [view(two_stage_sample())] * 3
    one = picture(draw_panel(views[:1], ['a'], dpi=40))
    three = picture(draw_panel(views, 'abc', ['best', 'median', 'worst'], dpi=40))
    assert three.shape[1] == one.shape[1]
    assert three.shape[0] > 2 * one.shape[0]
    assert not plt.get_fignums()


def test_panel_needs_titles():
    with pytest.raises(ValueError, match='a title for each slice, got 1 and 0'):
        draw_panel([view(BaseDataElement())], [])


@pytest.fixture
def visualizer(tmp_path):
    backends = [{'type': 'LocalVisBackend'}]
    return TwoStageVisualizer(vis_backends=backends, save_dir=str(tmp_path))


@pytest.mark.parametrize('sample', [two_stage_sample(), None], ids=['two stages', 'no sample'])
def test_the_visualizer_writes_a_file(visualizer, tmp_path, sample):
    out_file = tmp_path / 'deep' / '0001_003.png'
    image = np.zeros((64, 96, 3), np.uint8)
    visualizer.add_datasample('x', image, sample, out_file=out_file, with_labels=False)
    written = cv2.imread(str(out_file))
    assert (written[..., ::-1] == visualizer.get_image()).all()
    assert list(out_file.parent.iterdir()) == [out_file]


def test_the_visualizer_serves_backends(visualizer, tmp_path):
    visualizer.add_datasample('1_3', np.zeros((64, 96), np.uint8), two_stage_sample(), step=7)
    assert (tmp_path / 'vis_data' / 'vis_image' / '1_3_7.png').exists()
    assert visualizer.save_dir == str(tmp_path)
