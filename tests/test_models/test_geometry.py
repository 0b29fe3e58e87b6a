"""Crop and paste are inverses, and gradients go through boxes (design: continuous pixels)."""

import pytest
import torch
from torch.nn import functional as F

from lsnet_mm.models.geometry import (
    boxes_to_distances,
    boxes_to_rois,
    boxes_to_theta,
    cell_centers,
    distances_to_boxes,
    expand_boxes,
    invert_theta,
    mask_to_box,
    scale_boxes,
    theta_to_grid,
)
from lsnet_mm.models.necks import HardCrop, RoIRecalibration

EXTRACTORS = [RoIRecalibration, HardCrop]


def dice(a, b):
    return float(2 * (a * b).sum() / (a.sum() + b.sum()))


def test_cells_sit_at_4x_plus_2():
    points = cell_centers((2, 3), 4, torch.zeros(1))
    assert points.tolist() == [[2, 2], [6, 2], [10, 2], [2, 6], [6, 6], [10, 6]]


def test_distances_and_boxes_are_inverses():
    points, boxes = torch.rand(50, 2).double() * 100, torch.rand(50, 4).double() * 100
    assert torch.allclose(distances_to_boxes(points, boxes_to_distances(points, boxes)), boxes)
    box = distances_to_boxes(torch.tensor([10.0, 20.0]), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert box.tolist() == [9, 17, 12, 24]


def test_theta_is_equation_3():
    """The paper's s and b for keypoint (100, 60), distances (30, 50, 20, 10) and alpha 15."""
    w, h, (x, y), (left, right, top, bottom), alpha = 320, 240, (100, 60), (30, 50, 20, 10), 15
    box = torch.tensor([[x - left, y - top, x + right, y + bottom]], dtype=torch.float64)
    theta = boxes_to_theta(expand_boxes(box, alpha / 2), (h, w))[0]
    s_x, b_x = (left + right + alpha) / w, x + (right - left) / 2 - w / 2
    s_y, b_y = (top + bottom + alpha) / h, y + (bottom - top) / 2 - h / 2
    expected = torch.tensor([[s_x, 0, 2 * b_x / w], [0, s_y, 2 * b_y / h]], dtype=torch.float64)
    assert torch.allclose(theta, expected)


def test_grid_is_torchs_affine_grid():
    theta = boxes_to_theta(torch.rand(3, 4) * 50 + torch.tensor([0.0, 0, 60, 60]), (90, 120))
    expected = F.affine_grid(theta, (3, 1, 17, 23), align_corners=False)
    assert torch.allclose(theta_to_grid(theta, (17, 23)), expected, atol=1e-6)


def test_inverse_theta():
    theta = boxes_to_theta(torch.tensor([[3.0, 5.0, 40.0, 60.0]], dtype=torch.float64), (90, 120))
    row = torch.tensor([[[0.0, 0.0, 1.0]]], dtype=torch.float64)
    product = torch.cat((theta, row), 1) @ torch.cat((invert_theta(theta), row), 1)
    assert torch.allclose(product[0], torch.eye(3, dtype=torch.float64), atol=1e-5)


@pytest.mark.parametrize('extractor', EXTRACTORS)
def test_identity_box(extractor):
    images = torch.rand(2, 3, 48, 64).double()
    rr = extractor((48, 64), margin=0)
    rois = boxes_to_rois([torch.tensor([[0.0, 0, 64, 48]]).double()] * 2)
    crops = rr.crop(images, rois)
    assert torch.allclose(crops, images, atol=1e-6)
    assert torch.allclose(rr.paste(crops, rois, (48, 64), 2), images, atol=1e-6)


@pytest.mark.parametrize('box', [[10, 12, 50, 40], [3.3, 4.7, 61.2, 30.1], [20.5, 9.1, 33.3, 44.4]])
def test_ramp_comes_back(box):
    """A linear ramp is exact under bilinear sampling, 2 px inside the box."""
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing='ij')
    image = ((2 * x - 3 * y + 200) / 400)[None, None].double()
    rr, rois = RoIRecalibration((96, 96), margin=0), torch.tensor([[0.0, *box]]).double()
    back = rr.paste(rr.crop(image, rois), rois, (48, 64), 1)
    x1, y1, x2, y2 = box
    ok = (x > x1 + 2) & (x < x2 - 3) & (y > y1 + 2) & (y < y2 - 3)
    assert ok.sum() > 100
    assert (back - image)[0, 0][ok].abs().max() < 1e-5


@pytest.mark.parametrize('extractor', EXTRACTORS)
@pytest.mark.parametrize('size', [(64, 64), (320, 320)])
def test_mask_comes_back(extractor, size):
    mask = torch.zeros(1, 1, 100, 120)
    mask[..., 30:70, 40:90] = 1
    rr = extractor(size, margin=7.5)
    rois = torch.tensor([[0.0, 39.6, 30.2, 89.5, 69.9]])
    back = rr.paste(rr.crop(mask, rois), rois, (100, 120), 1)
    assert dice((back > 0.5).float(), mask) > 0.98


def test_equation_4_as_printed_is_no_inverse():
    """Why ``invert_theta`` differs: with -b in place of -b / s nothing comes back."""
    mask = torch.zeros(1, 1, 100, 100)
    mask[..., 10:30, 60:90] = 1
    box = torch.tensor([[55.0, 5.0, 95.0, 35.0]])
    theta = boxes_to_theta(box, (100, 100))
    crop = F.grid_sample(mask, theta_to_grid(theta, (64, 64)), align_corners=False)
    printed = invert_theta(theta)
    printed[:, :, 2] = -theta[:, :, 2]
    wrong = F.grid_sample(crop, theta_to_grid(printed, (100, 100)), align_corners=False)
    right = F.grid_sample(crop, theta_to_grid(invert_theta(theta), (100, 100)), align_corners=False)
    assert dice((wrong > 0.5).float(), mask) < 0.05
    assert dice((right > 0.5).float(), mask) > 0.98


def test_paste_at_another_size_is_the_same_field():
    mask = torch.zeros(1, 1, 100, 100)
    mask[..., 30:70, 40:80] = 1
    rr, rois = RoIRecalibration((160, 160), margin=8), torch.tensor([[0.0, 40, 30, 80, 70]])
    back = rr.paste(rr.crop(mask, rois), rois, (100, 100), 1, out_size=(200, 200))
    expected = F.interpolate(mask, (200, 200), mode='nearest')
    assert dice((back > 0.5).float(), expected) > 0.98


def test_gradients_reach_the_box():
    torch.manual_seed(0)
    images = F.avg_pool2d(torch.rand(1, 1, 44, 52, dtype=torch.float64), 5, 1, 2)
    rr = RoIRecalibration((7, 9), margin=1.5)
    box = torch.tensor([[8.13, 7.41, 38.77, 33.29]], dtype=torch.float64, requires_grad=True)
    index = torch.zeros(1, 1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda b: rr.crop(images, torch.cat((index, b), 1)), box)


def test_hard_crop_cuts_the_gradient_and_takes_whole_pixels():
    image = torch.arange(12.0)[None, None, None].expand(1, 1, 12, 12).contiguous()
    crop = HardCrop((4, 4), margin=1, reference_width=None)
    rois = torch.tensor([[0.0, 3.4, 5.0, 4.6, 7.0]], requires_grad=True)
    assert crop.regions(rois, (12, 12)).tolist() == [[2, 4, 6, 8]]
    out = crop.crop(image, rois)
    assert not out.requires_grad
    assert torch.allclose(out[0, 0, 0], torch.tensor([2.0, 3, 4, 5]))
    outside = torch.tensor([[0.0, -50, -50, -40, -40]])
    assert crop.regions(outside, (12, 12)).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize('extractor', EXTRACTORS)
def test_rois_in_any_order_and_images_without_any(extractor):
    rr = extractor((8, 8), margin=0)
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 32, 32).contiguous()
    rois = torch.tensor([[2.0, 0, 0, 8, 8], [0, 8, 8, 16, 16], [2, 16, 16, 24, 24]])
    assert rr.crop(images, rois)[:, 0, 0, 0].tolist() == [2, 0, 2]
    pasted = rr.paste(torch.ones(3, 1, 8, 8), rois, (32, 32), 3)
    assert pasted.sum((1, 2, 3)).tolist() == [64, 0, 128]
    assert pasted[2, 0, 20, 20] == 1 and pasted[0, 0, 20, 20] == 0
    none = rr.paste(torch.zeros(0, 1, 8, 8), torch.zeros(0, 5), (32, 32), 3)
    assert none.shape == (3, 1, 32, 32) and none.sum() == 0
    assert rr.crop(images, torch.zeros(0, 5)).shape == (0, 1, 8, 8)


def test_the_maximum_wins_where_rois_overlap():
    rr = RoIRecalibration((8, 8), margin=0)
    rois = torch.tensor([[0.0, 0, 0, 20, 20], [0, 10, 10, 30, 30]])
    probs = torch.tensor([0.3, 0.8]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    for order in ([0, 1], [1, 0]):
        pasted = rr.paste(probs[order], rois[order], (32, 32), 1)[0, 0]
        values = [pasted[5, 5], pasted[15, 15], pasted[25, 25], pasted[31, 31]]
        assert torch.allclose(torch.stack(values), torch.tensor([0.3, 0.8, 0.8, 0.0]))


@pytest.mark.parametrize('out_size', [(40, 48), (61, 35)])
def test_pasting_window_by_window_is_the_whole_formula(out_size):
    """Boxes inside, across the border, outside, of no size, and larger than the image."""
    boxes = [
        [5.3, 6.1, 20.2, 30.9], [-8, -3, 12, 9.5], [30, 35, 90, 60], [60, 60, 70, 70],
        [10, 10, 10, 10], [-20, -20, 80, 80], [47.2, 0, 47.3, 40],
    ]  # fmt: skip
    rois = torch.cat((torch.tensor([[0.0], [1], [1], [0], [0], [1], [2]]), torch.tensor(boxes)), 1)
    probs = torch.rand(len(boxes), 2, 16, 16, generator=torch.Generator().manual_seed(0))
    extractor = RoIRecalibration((16, 16), margin=0)
    placed = extractor.place(probs, rois, (40, 48), out_size)
    expected = torch.zeros(3, 2, *out_size)
    for one, owner in zip(placed, rois[:, 0].long(), strict=True):
        expected[owner] = torch.maximum(expected[owner], one)
    pasted = extractor.paste(probs, rois, (40, 48), 3, out_size)
    torch.testing.assert_close(pasted, expected, rtol=0, atol=1e-6)
    assert pasted[0].any() and pasted[1].any()


def test_gradients_pass_through_paste():
    rois = torch.tensor([[0, 3.1, 4.2, 20.3, 25.4], [0, 11.7, 9.1, 28.2, 30.3]], dtype=torch.double)
    probs = torch.rand(2, 1, 4, 4, dtype=torch.double, requires_grad=True)
    paste = lambda p: RoIRecalibration((4, 4), margin=0).paste(p, rois, (32, 32), 1)  # noqa: E731
    assert torch.autograd.gradcheck(paste, probs)


def test_box_of_a_mask():
    mask = torch.zeros(10, 12)
    assert mask_to_box(mask).shape == (0, 4)
    mask[3:6, 2:9] = 1
    assert mask_to_box(mask).tolist() == [[2, 3, 9, 6]]


def test_scale_boxes():
    assert scale_boxes(torch.tensor([[1.0, 2, 3, 4]]), (10, 20), (20, 20)).tolist() == [
        [1, 4, 3, 8]
    ]
    assert scale_boxes(torch.tensor([[7.0, 1, 2, 3, 4]]), (10, 20), (10, 40)).tolist() == [
        [7, 2, 2, 6, 4]
    ]


@pytest.mark.parametrize('extractor', EXTRACTORS)
def test_the_margin_is_in_pixels_of_a_slice_320_wide(extractor):
    """15 of 320 pixels are 24 of 512, whatever the height."""
    rois = torch.tensor([[0.0, 100, 100, 150, 140]])
    wide = extractor((8, 8), margin=15).regions(rois, (300, 512))
    assert wide.tolist() == [[76, 76, 174, 164]]
    assert extractor((8, 8), margin=15).regions(rois, (320, 320)).tolist() == [[85, 85, 165, 155]]
    own = extractor((8, 8), margin=15, reference_width=None).regions(rois, (300, 512))
    assert own.tolist() == [[85, 85, 165, 155]]


@pytest.mark.parametrize('shrink', [1, 2, 3])
def test_a_crop_smaller_than_its_roi_is_no_noise(shrink):
    """White noise: what a pixel of the crop covers is averaged, as torch's antialiasing does."""
    torch.manual_seed(0)
    noise = torch.randn(1, 4, 192, 192).double()
    size = 192 // shrink
    rois = torch.tensor([[0.0, 0, 0, 192, 192]]).double()
    crop = RoIRecalibration((size, size), margin=0).crop(noise, rois)
    smooth = F.interpolate(noise, (size, size), mode='bilinear', antialias=True)
    inner = (..., slice(2, -2), slice(2, -2))
    pair = torch.stack((crop[inner].flatten(), smooth[inner].flatten()))
    assert pair[0].std() < 1.2 * pair[1].std()
    assert torch.corrcoef(pair)[0, 1] > 0.9


def test_a_blurred_crop_stays_in_place_and_has_a_gradient():
    """A ramp comes back as it is, along the axis that shrinks and along the one that does not."""
    x = torch.arange(200).double() + 0.5
    ramp = torch.stack((x.expand(200, 200), x[:, None].expand(200, 200)))[None]
    rois = torch.tensor([[0.0, 20.3, 40.1, 181.7, 60.9]]).double().requires_grad_()
    rr = RoIRecalibration((40, 40), margin=0)
    crop = rr.crop(ramp, rois)
    cells = (torch.arange(40).double() + 0.5) / 40
    assert torch.allclose(crop[0, 0, 0], 20.3 + 161.4 * cells)
    assert torch.allclose(crop[0, 1, :, 0], 40.1 + 20.8 * cells)
    images = torch.rand(1, 1, 200, 200).double()
    assert torch.autograd.gradcheck(lambda r: rr.crop(images, r), rois)


@pytest.mark.parametrize('edge', [float('nan'), float('inf')])
def test_a_box_that_is_no_number_is_refused(edge):
    """torch's gradient of the sampling would end the process, without a word."""
    rois = torch.tensor([[0, 1, 1, edge, 9]], requires_grad=True)
    with pytest.raises(ValueError, match='NaN or infinite: the training has diverged'):
        RoIRecalibration((8, 8)).crop(torch.rand(1, 1, 16, 16), rois)
