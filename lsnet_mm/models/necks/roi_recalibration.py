import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS
from ...utils.versions import is_exporting
from ..geometry import (
    boxes_to_theta,
    expand_boxes,
    inside,
    invert_theta,
    sample,
    theta_to_axes,
    theta_to_grid,
)

#: Points along each side of a pixel that covers several of the image's, and how far they reach:
#: their mean comes near to the triangle that antialiased resizing uses.
SAMPLES, REACH = 4, 0.85


@MODELS.register_module()
class RoIRecalibration(nn.Module):
    """RR: samples an RoI to a fixed size, differentiably in its box (paper, 2.2 and 2.4).

    It samples the image that it is given: leave a slice at its own size in the pipeline, and the
    crop has native resolution, whatever L-Net looks at.

    Args:
        size: Height and width of the crop.
        margin: Pixels added on each side of a box, in an image ``reference_width`` wide; it scales
            with the image's width. The paper's alpha = 15 is the total of two sides, so 7.5 here;
            its baselines pad 15 a side.
        reference_width: 320 pixels, the paper's; None takes the margin in pixels of any image.
    """

    def __init__(
        self,
        size: tuple[int, int] = (320, 320),
        margin: float = 7.5,
        reference_width: float | None = 320,
    ) -> None:
        super().__init__()
        self.size = tuple(size)
        self.margin = margin
        self.reference_width = reference_width

    def regions(self, rois: Tensor, size: tuple[int, int]) -> Tensor:
        """The boxes that are really sampled: (K, 4), from RoIs in an image of ``size``."""
        scale = size[1] / self.reference_width if self.reference_width else 1
        return expand_boxes(rois[:, 1:], self.margin * scale)

    def crop(self, images: Tensor, rois: Tensor, mode: str = 'bilinear') -> Tensor:
        """Samples each RoI from its image; one that is larger than the crop with a blur.

        Args:
            images: (N, C, H, W).
            rois: (K, 5) image index and box, in pixels of ``images``; gradients reach the box.
            mode: ``'bilinear'``, or ``'nearest'`` for label maps.

        Returns:
            Tensor: (K, C, h, w).

        Raises:
            ValueError: If a box is NaN or infinite; torch would crash on the way back.
        """
        if not is_exporting() and not rois.isfinite().all():
            raise ValueError(
                'a box of L-Net is NaN or infinite: the training has diverged. Lower the learning '
                'rate, or clip gradients (optim_wrapper.clip_grad), and go on from an earlier '
                'checkpoint.'
            )
        size = images.shape[-2:]
        theta, images = boxes_to_theta(self.regions(rois, size), size), images[rois[:, 0].long()]
        # A graph is for all sizes; where nothing shrinks, plain sampling gives the same.
        shrinks = is_exporting() or (steps(theta, size, self.size) > 1).any()
        if mode == 'bilinear' and shrinks:
            return sample_shrunk(images, theta, self.size)
        return sample(images, theta_to_grid(theta, self.size), mode)

    def paste(
        self,
        probs: Tensor,
        rois: Tensor,
        size: tuple[int, int],
        num_images: int,
        out_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Puts the masks of RoIs back; 0 outside every RoI, the maximum where RoIs overlap.

        Args:
            probs: (K, C, h, w) probabilities, never logits.
            rois: (K, 5), in pixels of an image of ``size``.
            size: Height and width of the images that were cropped.
            num_images: Number of images, N.
            out_size: Height and width of the result, which spans the same field; ``size`` if None.

        Returns:
            Tensor: (N, C, H, W).
        """
        out_size = tuple(out_size or size)
        theta = invert_theta(boxes_to_theta(self.regions(rois, size), size))
        images = probs.new_zeros((num_images, probs.size(1), *out_size))
        owners = rois[:, 0].long().tolist()
        # Only what lies under a box is sampled: most of a slice does not.
        axes = zip(*theta_to_axes(theta, out_size), strict=True)
        for owner, prob, (x, y) in zip(owners, probs, axes, strict=True):
            cols, rows = (axis.abs() <= 1 for axis in (x, y))
            y, x = torch.meshgrid(y[rows], x[cols], indexing='ij')
            if not x.numel():
                continue
            patch = sample(prob[None], torch.stack((x, y), dim=-1)[None])[0]
            top, left = (int(axis.int().argmax()) for axis in (rows, cols))
            window = images[owner, :, top : top + len(x), left : left + x.size(1)]
            window.copy_(torch.maximum(window.clone(), patch))
        return images

    def place(
        self, probs: Tensor, rois: Tensor, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Tensor:
        """``(K, C, *out_size)``: the mask of each RoI alone in its image, as one formula.

        For export; arguments as in `paste`.
        """
        theta = invert_theta(boxes_to_theta(self.regions(rois, size), size))
        grid = theta_to_grid(theta, out_size)
        return sample(probs, grid) * inside(grid)


@MODELS.register_module()
class HardCrop(RoIRecalibration):
    """The crop of coarse-to-fine models: whole pixels inside the image, no gradient to the box.

    The quantised region is resized to ``size`` like RR's, so that the two differ in what the
    paper compares (quantisation and gradient) and in nothing else.

    Args:
        size: Height and width of the crop.
        margin: As RR's; the paper's baselines use 15.
        reference_width: As RR's.
    """

    def __init__(
        self,
        size: tuple[int, int] = (320, 320),
        margin: float = 15,
        reference_width: float | None = 320,
    ) -> None:
        super().__init__(size, margin, reference_width)

    @torch.no_grad()
    def regions(self, rois: Tensor, size: tuple[int, int]) -> Tensor:
        """Boxes rounded outwards to whole pixels and cut at the border; at least one pixel."""
        boxes = super().regions(rois, size)
        limit = boxes.new_tensor([size[1], size[0]])
        low = boxes[:, :2].floor().clamp(min=0).minimum(limit - 1)
        high = boxes[:, 2:].ceil().minimum(limit).maximum(low + 1)
        return torch.cat((low, high), dim=1)


def steps(theta: Tensor, size: tuple[int, int], out_size: tuple[int, int]) -> Tensor:
    """(K, 2) pixels of an image of ``size`` for each of the result's, along x and y."""
    cells = theta.new_tensor([size[1] / out_size[1], size[0] / out_size[0]])
    return torch.stack((theta[:, 0, 0], theta[:, 1, 1]), dim=-1) * cells


def sample_shrunk(images: Tensor, theta: Tensor, out_size: tuple[int, int]) -> Tensor:
    """Samples several points in each pixel of the result and takes their mean.

    Without it a crop of a large RoI is noisy, and so is its gradient. The points are spread over
    what a pixel covers beyond one of the image's, so that nothing changes where nothing shrinks.
    Of images (K, C, H, W) by ``theta`` (K, 2, 3) come crops (K, C, h, w) of ``out_size``.
    """
    size = images.shape[-2:]
    reach = REACH * (steps(theta, size, out_size) - 1).clamp(min=0)
    offsets = torch.linspace(-1, 1, SAMPLES, dtype=theta.dtype, device=theta.device)
    x, y = (
        (axis[..., None] + 2 * reach[:, i, None, None] / size[1 - i] * offsets).flatten(1)
        for i, axis in enumerate(theta_to_axes(theta, out_size))
    )
    x = x[:, None, :].expand(-1, y.size(1), -1)
    grid = torch.stack((x, y[:, :, None].expand_as(x)), dim=-1)
    return F.avg_pool2d(sample(images, grid), SAMPLES)
