import copy

import torch
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import functional as F

from ...registry import MODELS
from ...utils.config import require_mmdet
from .base import BaseLocalizer, as_in_inference, propose_found


@MODELS.register_module()
class DetectorLocalizer(BaseLocalizer):
    """Any detector of MMDetection as the first stage.

        images -> detector -> boxes and scores

    It learns from boxes by its own losses. No gradient reaches it through the boxes it gives:
    sorting and suppression have none.

    Args:
        detector: Its config. Names in it are MMDetection's, where ``_scope_`` says nothing else;
            its own ``test_cfg`` applies before the two arguments below. No ``data_preprocessor``:
            LSNet's has normalised the images.
        score_thr: At inference, boxes with a score above it count.
        max_per_img: At inference, this many of them at most, best first.
        size_divisor: Images are filled up to multiples of it, on the right and at the bottom:
            the scales of a pyramid must fit each other.
        init_cfg: As in mmengine.

    Raises:
        ImportError: If MMDetection or compiled ops are missing.
        ValueError: If the detector has a data_preprocessor.
    """

    def __init__(
        self,
        detector: dict,
        score_thr: float = 0.3,
        max_per_img: int = 10,
        size_divisor: int = 32,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if detector.get('data_preprocessor'):
            raise ValueError(
                "DetectorLocalizer: the detector's data_preprocessor would never run, because "
                "LSNet's normalises the images. Remove it from the detector's config, and give "
                "LSNet's the mean and std that the detector's weights expect."
            )
        require_mmdet()
        cfg = copy.deepcopy(ConfigDict(detector))  # detectors write into theirs
        cfg.setdefault('_scope_', 'mmdet')
        self.detector = MODELS.build(cfg)
        self.score_thr = score_thr
        self.max_per_img = max_per_img
        self.size_divisor = size_divisor

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """The detector's features."""
        return self.detector.extract_feat(self._to_detector(inputs)[0])

    def forward(self, inputs: Tensor) -> tuple:
        """The detector's raw outputs."""
        return self.detector(*self._to_detector(inputs), mode='tensor')

    def loss(self, inputs: Tensor, samples: list) -> dict:
        """The detector's own, on ``gt_instances.bboxes``; every object is of its class 0."""
        return self.detector.loss(*self._to_detector(inputs, samples))

    def propose(self, inputs: Tensor, samples: list) -> Tensor:
        """The best box of each image, whatever its score; the whole image where there is none."""

        def boxes(images: Tensor) -> list[Tensor]:
            return [found.bboxes for found in self.detect(images)]

        return propose_found(boxes, inputs, samples)

    def predict(self, inputs: Tensor, samples: list) -> list[InstanceData]:
        """The best boxes above the threshold; a detector leaves no heatmap in the samples."""
        detected = self.detect(inputs)
        return [found[found.scores > self.score_thr][: self.max_per_img] for found in detected]

    @torch.no_grad()
    def detect(self, inputs: Tensor) -> list[InstanceData]:
        """All boxes of each image, best first, with the statistics of inference also in training.

        Boxes of less than a pixel a side are left out: an untrained CenterNet gives negative sizes.
        """
        with as_in_inference(self.detector):
            outputs = self.detector.predict(*self._to_detector(inputs), rescale=False)
        results = []
        for output in outputs:
            bboxes = output.pred_instances.bboxes.to(inputs)
            found = _of_one_class(bboxes, scores=output.pred_instances.scores.to(inputs))
            found = found[(bboxes[:, 2:] - bboxes[:, :2] >= 1).all(dim=1)]
            results.append(found[found.scores.argsort(descending=True, stable=True)])
        return results

    def _to_detector(self, inputs: Tensor, samples: list | None = None) -> tuple[Tensor, list]:
        """Images and samples as MMDetection's own pipeline and preprocessor would give them."""
        from mmdet.structures import DetDataSample  # optional, hence not at the top

        height, width = inputs.shape[-2:]
        inputs = F.pad(inputs, (0, -width % self.size_divisor, 0, -height % self.size_divisor))
        meta = dict.fromkeys(('img_shape', 'ori_shape'), (height, width))
        meta |= dict.fromkeys(('pad_shape', 'batch_input_shape'), tuple(inputs.shape[-2:]))
        meta |= dict(scale_factor=(1.0, 1.0), border=(0.0, 0.0, 0.0, 0.0))  # CenterNet asks for it
        outputs = [DetDataSample(metainfo=meta) for _ in inputs]
        for output, sample in zip(outputs, samples or (), strict=False):
            output.gt_instances = _of_one_class(sample.gt_instances.bboxes.to(inputs))
        return inputs, outputs


def _of_one_class(bboxes: Tensor, **more) -> InstanceData:
    labels = torch.zeros(len(bboxes), dtype=torch.long, device=bboxes.device)
    return InstanceData(bboxes=bboxes, labels=labels, **more)
