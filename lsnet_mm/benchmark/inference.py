import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn

from ..apis import VolumePredictor, slice_pipeline
from .floor import count_work
from .scene import Scene
from .stand_in import stand_in
from .stopwatch import Stopwatch
from .subject import Subject, two_stages

#: Spans that come after the nets: from their maps to boxes, and from crops to a slice's mask.
POST_PROCESSING = ('decode', 'paste', 'refine')


class Inference:
    """Whole-volume prediction of a system.

    Args:
        subject: The system.
        model: Built by it.
        scene: The volume; without a checkpoint its label stands in for what a net would find.
    """

    def __init__(self, subject: Subject, model: nn.Module, scene: Scene) -> None:
        self.switches, self.model, self.scene = subject.switches, model, scene
        self.predictor = VolumePredictor(
            model,
            slice_pipeline(subject.cfg),
            subject.switches.batch_size,
            subject.switches.dtype,
        )
        self.two_stages = two_stages(model)
        if self.two_stages is not None and not subject.checkpoint:
            stand_in(self.two_stages, scene)

    def __call__(self, lap=None) -> None:
        """Segments the volume."""
        self.model.eval()
        self.predictor(self.scene.volume)

    def work(self) -> dict[str, float]:
        """Mean of a slice of the volume, ``macs`` and ``bytes`` as of ``count_work``, from one
        with the organ and one without: with all boxes and rounds, without what is skipped."""
        organ, share = self.scene.organ_slices, self.scene.share
        empty = np.setdiff1d(np.arange(len(self.scene)), organ)
        kinds = ((organ, share), (empty, 1 - share))
        counts = [(part, self._count(int(of[len(of) // 2]))) for of, part in kinds if len(of)]
        return {k: sum(part * count[k] for part, count in counts) for k in ('macs', 'bytes')}

    def profile(self) -> dict:
        """One run, and what it consists of.

        Returns:
            dict: ``shares`` of the time by span, ``post_processing`` among them, and of a
            two-stage model ``crops`` a slice with an organ.
        """
        watch = Stopwatch(self.switches.now)
        watch.watch(self.predictor, 'pipeline', 'pipeline')
        watch.watch(self.model.data_preprocessor, 'forward', 'preprocessing')
        if self.two_stages is None:
            watch.watch(self.model, 'encode_decode', 'net')
            watch.watch(self.model, 'postprocess_result', 'paste')
        else:
            self._watch_two_stages(watch)
        with watch.running():
            self()
        shares = watch.shares()
        result = dict(shares=shares, post_processing=sum(shares.get(p, 0) for p in POST_PROCESSING))
        if self.two_stages is not None:
            result['crops'] = watch.items['S-Net'] / max(len(self.scene.organ_slices), 1)
        return result

    @torch.no_grad()
    def _count(self, number: int) -> dict[str, int]:
        packed = self.scene.packed(self.predictor.pipeline, number)
        self.model.eval()
        with self.switches.autocast():
            return count_work(lambda: self.model.test_step(pseudo_collate([packed])))

    def _watch_two_stages(self, watch: Stopwatch) -> None:
        model = self.two_stages
        watch.watch(model.localizer, 'predict', 'L-Net')
        head = getattr(model.localizer, 'head', None)
        if hasattr(head, 'predict_by_feat'):
            watch.watch(head, 'predict_by_feat', 'decode')
            watch.watch(head, 'forward_distances', 'BBR')
        if model.test_cfg['rounds']:  # what they cost beside crop, S-Net and paste
            watch.watch(model, 'refine', 'refine')
        watch.watch(model.roi_extractor, 'crop', 'crop')
        watch.watch(model, '_logits', 'S-Net')
        watch.watch(model.roi_extractor, 'paste', 'paste')
        watch.watch(model, 'write_result', 'paste')
