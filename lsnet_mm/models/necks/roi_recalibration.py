import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..geometry import (
    boxes_to_theta,
    expand_boxes,
    inside,
    invert_theta,
    sample,
    theta_to_axes,
    theta_to_grid,
)


@MODELS.register_module()
class RoIRecalibration(nn.Module):
    """RR: samples an RoI to a fixed size, differentiably in its box (paper, 2.2 and 2.4).

    It samples the image that it is given: leave a slice at its own size in the pipeline, and the
    crop has native resolution, whatever L-Net looks at.

    Args:
        size: Height and width of the crop.
        margin: Pixels added on each side of a box. The paper's alpha = 15 is the total of two
            sides, so 7.5 here; its baselines pad 15 a side.
    """

    def __init__(self, size: tuple[int, int] = (320, 320), margin: float = 7.5) -> None:
        super().__init__()
        self.size = tuple(size)
        self.margin = margin

    def regions(self, rois: Tensor, size: tuple[int, int]) -> Tensor:
        """The boxes that are really sampled: (K, 4), from RoIs in an image of ``size``."""
        return expand_boxes(rois[:, 1:], self.margin)

    def crop(self, images: Tensor, rois: Tensor, mode: str = 'bilinear') -> Tensor:
        """Samples each RoI from its image.

        Args:
            images: (N, C, H, W).
            rois: (K, 5) image index and box, in pixels of ``images``; gradients reach the box.
            mode: ``'bilinear'``, or ``'nearest'`` for label maps.

        Returns:
            Tensor: (K, C, h, w).
        """
        theta = boxes_to_theta(self.regions(rois, images.shape[-2:]), images.shape[-2:])
        return sample(images[rois[:, 0].long()], theta_to_grid(theta, self.size), mode)

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
        """(K, C, *out_size): the mask of each RoI alone in its image, as one formula, for export;
        arguments as in `paste`."""
        theta = invert_theta(boxes_to_theta(self.regions(rois, size), size))
        grid = theta_to_grid(theta, out_size)
        return sample(probs, grid) * inside(grid)
