from mmengine.registry import MODELS
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from .base import BaseLocalizer


@MODELS.register_module()
class LNet(BaseLocalizer):
    """L-Net: finds objects as keypoints with distances to their boxes (paper, 2.1, Fig. 3).

        images -> backbone -> neck -> F' -> head -> heatmap, distances

    Args:
        backbone: Any multi-scale backbone of OpenMMLab.
        neck: ``UNetNeck`` or ``FCNNeck``: what turns its features into ``F'``.
        head: ``KPBBRHead``.
        init_cfg: As in mmengine.
    """

    def __init__(
        self, backbone: dict, neck: dict, head: dict, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.head = MODELS.build(head)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor]:
        """``(F',)`` (N, C, H/4, W/4) of images (N, C, H, W)."""
        return self.neck(self.backbone(inputs))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmap logits (N, 1, H/4, W/4) and distances (N, 4, H/4, W/4)."""
        return self.head(self.extract_feat(inputs))

    def loss(self, inputs: Tensor, samples: list) -> dict:
        return self.head.loss(self.extract_feat(inputs), samples)

    def propose(self, inputs: Tensor, samples: list) -> Tensor:
        return self.head.propose(self.extract_feat(inputs), samples)

    def loss_and_propose(self, inputs: Tensor, samples: list) -> tuple[dict, Tensor]:
        heatmaps, distances = self(inputs)
        losses = self.head.loss_by_feat(heatmaps, distances, [s.gt_instances for s in samples])
        return losses, self.head.propose_by_feat(heatmaps, distances, samples)

    def predict(self, inputs: Tensor, samples: list) -> list[InstanceData]:
        heatmaps, distances = self(inputs)
        for sample, heatmap in zip(samples, heatmaps.float().sigmoid(), strict=True):
            sample.pred_heatmap = PixelData(data=heatmap)
        return self.head.predict_by_feat(heatmaps, distances)
