import torch
from torch import Tensor

from ...registry import MODELS
from .roi_recalibration import RoIRecalibration


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
