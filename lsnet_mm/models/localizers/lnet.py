from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from ...registry import MODELS
from .base import BaseLocalizer, as_in_inference


@MODELS.register_module()
class LNet(BaseLocalizer):
    """L-Net: finds objects as keypoints with distances to their boxes (paper, 2.1, Fig. 3).

        images -> backbone -> neck -> F' -> head -> heatmap, distances

    Args:
        backbone: Any multi-scale backbone of OpenMMLab.
        neck: ``UNetNeck`` or ``FCNNeck``: what turns its features into ``F'``. Several in a list
            run in turn, as ``MultiLevelNeck`` before it for a backbone of a single scale.
        head: ``KPBBRHead``.
        init_cfg: As in mmengine.
    """

    def __init__(
        self, backbone: dict, neck: dict | list[dict], head: dict, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.head = MODELS.build(head)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor]:
        """``(F',)`` (N, C, H/4, W/4) of images (N, C, H, W)."""
        return self.neck(self.backbone(inputs))

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Heatmap logits (N, 1, H/4, W/4), distances (N, 4, H/4, W/4) and, if the head has a
        mask, its logits (N, 1, H/4, W/4)."""
        return self.head(self.extract_feat(inputs))

    def loss(self, inputs: Tensor, samples: list) -> dict:
        return self.head.loss(self._features(inputs), samples)

    def propose(self, inputs: Tensor, samples: list) -> Tensor:
        with as_in_inference(self):
            return self.head.propose(self._features(inputs), samples)

    def loss_and_propose(self, inputs: Tensor, samples: list) -> tuple[dict, Tensor]:
        return self.head.loss_and_propose(self._features(inputs), samples)

    def predict(self, inputs: Tensor, samples: list) -> list[InstanceData]:
        feats = self._features(inputs)
        heatmaps = self.head.forward_keypoints(feats[0])
        for sample, heatmap in zip(samples, heatmaps.float().sigmoid(), strict=True):
            sample.pred_heatmap = PixelData(data=heatmap)
        return self.head.predict_with_heatmaps(heatmaps, feats)

    def _features(self, inputs: Tensor) -> tuple[Tensor]:
        """``extract_feat``, refusing what would put every box in a wrong place."""
        feats = self.extract_feat(inputs)
        check_stride(inputs.shape[-2:], feats[0].shape[-2:], self.head.stride)
        return feats


def check_stride(image: tuple[int, int], feature: tuple[int, int], stride: int) -> None:
    """Whether a map has a cell for each ``stride`` pixels of an image; sizes are (height, width).

    Raises:
        ValueError: If it has not, with what to change.
    """
    ratios = [cells * stride / pixels for cells, pixels in zip(feature, image, strict=True)]
    # A backbone may pad, so that there are a few cells more; what is wrong is so by a factor of 2.
    if not all(0.75 < ratio < 1.5 for ratio in ratios):
        raise ValueError(
            f"LNet: F' is {tuple(feature)} for images of {tuple(image)}, but the head has a cell "
            f"for each {stride} pixels. Give the neck more or fewer steps (UNetNeck's 'channels'), "
            "choose the backbone's 'out_indices', finest first, or set the head's 'stride'. A "
            "backbone of a single scale needs one of the library's necks before it: "
            "neck=[dict(type='MultiLevelNeck', ...), dict(type='UNetNeck', ...)]."
        )
