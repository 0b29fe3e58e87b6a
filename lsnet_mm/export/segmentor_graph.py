import torch
from torch import Tensor, nn

from ..models.probabilities import foreground_probabilities
from ..models.segmentors import LSNet
from .image_graph import ImageGraph


class SegmentorGraph(ImageGraph):
    """Second stage: preprocessing, crops, S-Net, and its masks back in their places.

    Args:
        model: An ``LSNet``.
        preprocessor: The one in effect; a wrapper may have its own.
    """

    def __init__(self, model: LSNet, preprocessor: nn.Module) -> None:
        super().__init__(preprocessor)
        self.extractor = model.roi_extractor
        self.segmentor = model.segmentor

    def forward(self, images: Tensor, rois: Tensor, out_size: Tensor) -> Tensor:
        """Raw images and RoIs to a mask of each RoI.

        Args:
            images: (N, C, H, W).
            rois: (K, 5) image index and box, in pixels of ``images``, without the margin.
            out_size: Height and width of the result, which spans the same field; int64.

        Returns:
            Tensor: (K, C, *out_size) probabilities, 0 outside the RoI. Of several classes channel
            0 is any foreground, so that the maximum over RoIs leaves background outside them all.
        """
        height, width = out_size.tolist()
        torch._check(height >= 1)
        torch._check(width >= 1)
        crops = self.extractor.crop(self.normalize(images), rois)
        logits = self.segmentor.encode_decode(crops, [dict(img_shape=crops.shape[-2:])])
        probs = foreground_probabilities(logits)
        return self.extractor.place(probs, rois, images.shape[-2:], (height, width))

    def example(self, number: int, channels: int, size: tuple[int, int]) -> dict[str, Tensor]:
        """With a box for each image and one more, and a result one and a half times as large."""
        box = torch.tensor([0.2, 0.3, 0.6, 0.7]) * torch.tensor([size[1], size[0]]).repeat(2)
        rois = torch.stack([torch.cat((torch.zeros(1), box + i)) for i in range(number + 1)])
        rois[:number, 0] = torch.arange(number)
        return super().example(number, channels, size) | dict(
            rois=rois, out_size=torch.tensor(size) * 3 // 2
        )
