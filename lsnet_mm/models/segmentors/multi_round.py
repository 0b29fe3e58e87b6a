import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from ..geometry import mask_to_box, scale_boxes


@MODELS.register_module()
class MultiRound(BaseModel):
    """Refines the boxes of any two-stage model: the mask's box gives the next crop.

    The fixed-point idea of Zhou et al. (MICCAI 2017). Training is the wrapped model's own, and
    its checkpoints load as they are.

    Args:
        model: A two-stage segmentor such as ``LSNet``.
        rounds: Extra rounds at most.
        agreement: Stop once the masks of two rounds have at least this Dice; 1 runs all rounds.
        data_preprocessor: That of the model if None.
        train_cfg, test_cfg, pretrained, init_cfg: MMSegmentation's tools pass None.
    """

    def __init__(
        self,
        model: dict,
        rounds: int = 1,
        agreement: float = 0.95,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        model = MODELS.build(model)
        super().__init__(data_preprocessor or model.data_preprocessor, init_cfg)
        self.model = model
        self.rounds = rounds
        self.agreement = agreement
        self.register_load_state_dict_pre_hook(_accept_plain_keys)
        self._register_state_dict_hook(_save_plain_keys)

    def __getattr__(self, name: str):
        """What the wrapper lacks, the model has (``decode_head``, ``num_classes``, ...)."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__('model'), name)

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        """As the wrapped model's; ``predict`` adds the rounds."""
        results = self.model(inputs, data_samples, mode)
        if mode != 'predict':
            return results
        for i in range(len(results)):
            self.refine(inputs[i : i + 1], results[i])
        return results

    def refine(self, inputs: Tensor, sample) -> None:
        """Runs the rounds of one image (1, C, H, W) and updates its sample.

        The number of rounds goes into its metainfo as ``n_rounds``.
        """
        for done in range(self.rounds + 1):
            sample.set_metainfo(dict(n_rounds=done))
            before, boxes = sample.pred_sem_seg.data[0], sample.pred_instances
            probability = sample.pred_probability
            box = mask_to_box(before)
            if done == self.rounds or len(box) == 0:
                return
            bboxes = scale_boxes(box.to(inputs), before.shape, inputs.shape[-2:])
            found = InstanceData(bboxes=bboxes, scores=boxes.scores.max()[None])
            self.model.segment_instances(inputs, [sample], [found])
            after = sample.pred_sem_seg.data[0]
            if not after.any():  # a closer look that sees nothing takes no answer away
                sample.pred_sem_seg, sample.pred_instances = PixelData(data=before[None]), boxes
                sample.pred_probability = probability
            if not after.any() or dice(before, after) >= self.agreement:
                sample.set_metainfo(dict(n_rounds=done + 1))
                return


def dice(a: Tensor, b: Tensor) -> float:
    """Dice of the foregrounds of two label maps; 1 where both are empty."""
    a, b = a > 0, b > 0
    total = a.sum() + b.sum()
    return float(2 * torch.logical_and(a, b).sum() / total) if total else 1.0


def _accept_plain_keys(module, state_dict, prefix, *args) -> None:
    """Lets a checkpoint of the wrapped model load into the wrapper."""
    inner = prefix + 'model.'
    if not any(key.startswith(inner) for key in state_dict):
        for key in [k for k in state_dict if k.startswith(prefix)]:
            state_dict[inner + key[len(prefix) :]] = state_dict.pop(key)


def _save_plain_keys(module, state_dict, prefix, local_metadata) -> None:
    """Saves what the wrapped model would save: checkpoints serve both."""
    inner = prefix + 'model.'
    for key in [k for k in state_dict if k.startswith(inner)]:
        state_dict[prefix + key[len(inner) :]] = state_dict.pop(key)
