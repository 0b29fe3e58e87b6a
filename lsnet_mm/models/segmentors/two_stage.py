import torch
from mmengine.structures import InstanceData, PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS
from ..geometry import boxes_to_rois, mask_to_box, scale_boxes
from ..utils.probabilities import discretize, flip_background, foreground_probabilities, mask_head

TEST_CFG = dict(oracle=False, rounds=0, agreement=0.95, judge=False)


class TwoStageSegmentor(BaseSegmentor):
    """How a localizer and a segmentor answer together; how they are trained is a subclass's affair.

    ::

        images -> localizer -> boxes -> RoI extractor -> crops -> segmentor -> masks -> paste

    Args:
        localizer: First stage, a :class:`BaseLocalizer`.
        roi_extractor: ``RoIRecalibration`` or ``HardCrop``.
        segmentor: Any MMSegmentation segmentor; it sees crops only.
        localizer_size: Height and width at which the localizer sees an image. None: as it comes.
            The crops are sampled from the image as it comes in any case.
        test_cfg: ``oracle`` (False): segment with the boxes of ``gt_instances`` too, into
            ``oracle_sem_seg``, where samples have them. ``rounds`` (0): refine this many times at
            most, the mask's box giving the next crop; ``agreement`` (0.95): stop once the masks of
            two rounds have at least this Dice; 1 runs all rounds. The fixed-point idea of Zhou et
            al. (MICCAI 2017). ``judge`` (False): say of each mask how far one round more would
            agree with it, see :meth:`judge`.
        data_preprocessor: Of both nets; that of the segmentor if None.
        init_cfg: As in MMSegmentation.
        train_cfg, pretrained: MMSegmentation's tools pass None; there is nothing to set.
    """

    def __init__(
        self,
        localizer: dict,
        roi_extractor: dict,
        segmentor: dict,
        localizer_size: tuple[int, int] | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor or segmentor.get('data_preprocessor'), init_cfg)
        if pretrained is not None:
            raise ValueError(
                f'{type(self).__name__} has two nets: give pretrained={pretrained!r} as '
                "'init_cfg' of a backbone."
            )
        self.localizer = MODELS.build(localizer)
        self.roi_extractor = MODELS.build(roi_extractor)
        self.segmentor = MODELS.build(segmentor)
        self.localizer_size = localizer_size and tuple(localizer_size)
        self.test_cfg = TEST_CFG | dict(test_cfg or {})
        if unknown := self.test_cfg.keys() - TEST_CFG:
            raise ValueError(
                f'{type(self).__name__} got test_cfg with {sorted(unknown)}: it knows '
                f'{sorted(TEST_CFG)}.'
            )
        self.num_classes = self.segmentor.num_classes
        self.out_channels = self.segmentor.out_channels
        self.align_corners = self.segmentor.align_corners

    @property
    def decode_head(self) -> nn.Module:
        """The head that gives the masks."""
        return mask_head(self.segmentor)

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        """Masks and boxes of a batch.

        Args:
            inputs: (N, C, H, W).
            data_samples: Samples with ``ori_shape``; made up where None.

        Returns:
            list: The samples, with ``pred_sem_seg`` (1, H, W), ``pred_probability`` of any
            foreground (1, H, W) and ``pred_instances`` in pixels of the original image,
            ``pred_heatmap`` (1, h, w), perhaps ``oracle_sem_seg``, and with rounds ``n_rounds``,
            with ``judge`` ``agreement`` in the metainfo. Without an activated component the mask is
            empty, and the segmentor does not run.
        """
        if data_samples is None:
            meta = dict(ori_shape=tuple(inputs.shape[-2:]), img_shape=tuple(inputs.shape[-2:]))
            data_samples = [SegDataSample(metainfo=meta) for _ in inputs]
        self._check_test_samples(inputs, data_samples)
        instances = self.localize(inputs, data_samples)
        if self.test_cfg['oracle'] and all('gt_instances' in s for s in data_samples):
            self.segment_ground_truth_boxes(inputs, data_samples)
        self.segment_instances(inputs, data_samples, instances)
        if self.test_cfg['rounds']:
            for image, sample in zip(inputs.split(1), data_samples, strict=True):
                self.refine(image, sample)
        if self.test_cfg['judge']:
            self.judge(inputs, data_samples)
        return data_samples

    def localize(self, inputs: Tensor, data_samples: list) -> list[InstanceData]:
        """The localizer's boxes, in input pixels; its heatmap goes into the samples."""
        view = self._localizer_view(inputs)
        seen = dict(img_shape=tuple(view.shape[-2:]))
        samples = [SegDataSample(metainfo=s.metainfo | seen) for s in data_samples]
        instances = self.localizer.predict(view, samples)
        for data_sample, sample, found in zip(data_samples, samples, instances, strict=True):
            found.bboxes = scale_boxes(found.bboxes, view.shape[-2:], inputs.shape[-2:])
            if 'pred_heatmap' in sample:
                data_sample.pred_heatmap = sample.pred_heatmap
        return instances

    def refine(self, inputs: Tensor, sample: SegDataSample) -> None:
        """Runs the rounds of one image (1, C, H, W) and updates its sample; ``n_rounds`` in its
        metainfo says how many there were."""
        rounds = 0
        while rounds < self.test_cfg['rounds']:
            before = sample.clone()
            mask = before.pred_sem_seg.data[0]
            if not mask.any():
                break
            self.segment_instances(inputs, [sample], [_own_box(inputs, sample)])
            rounds += 1
            refined = sample.pred_sem_seg.data[0]
            if not refined.any():  # a closer look that sees nothing takes no answer away
                sample.set_data(dict(before.items()))
                break
            if dice(mask, refined) >= self.test_cfg['agreement']:
                break
        sample.set_metainfo(dict(n_rounds=rounds))

    def judge(self, inputs: Tensor, data_samples: list) -> None:
        """Puts ``agreement`` into the metainfo of samples with a mask: its Dice with the mask that
        its own box gives. The samples keep their masks; a crop each is what it costs."""
        shown = [k for k, sample in enumerate(data_samples) if sample.pred_sem_seg.data.any()]
        if not shown:
            return
        again = [data_samples[k].clone() for k in shown]
        self.segment_instances(inputs[shown], again, [_own_box(inputs, one) for one in again])
        for k, other in zip(shown, again, strict=True):
            agreement = dice(data_samples[k].pred_sem_seg.data, other.pred_sem_seg.data)
            data_samples[k].set_metainfo(dict(agreement=agreement))

    def segment_instances(
        self, inputs: Tensor, data_samples: list, instances: list[InstanceData]
    ) -> None:
        """Writes the masks inside the given boxes (input pixels), and the boxes, into samples."""
        size = inputs.shape[-2:]
        maps = self.segment_boxes(inputs, [i.bboxes for i in instances], data_samples)
        for sample, probs, found in zip(data_samples, maps, instances, strict=True):
            found = found.clone()
            found.bboxes = scale_boxes(found.bboxes, size, sample.ori_shape)
            self.write_result(sample, probs, found)

    def write_result(self, sample: SegDataSample, probs: Tensor, found: InstanceData) -> None:
        """Puts probabilities (1, C, H, W) and boxes, in original pixels, into an image's sample."""
        sample.pred_instances = found
        sample.pred_sem_seg = PixelData(data=self._labels(probs)[0])
        sample.pred_probability = PixelData(data=probs[0, :1])

    def segment_ground_truth_boxes(self, inputs: Tensor, data_samples: list) -> None:
        """Writes ``oracle_sem_seg``: what the second stage gives when the boxes are right."""
        size = inputs.shape[-2:]
        boxes = [
            scale_boxes(s.gt_instances.bboxes.to(inputs), s.ori_shape, size) for s in data_samples
        ]
        maps = self.segment_boxes(inputs, boxes, data_samples)
        for sample, probs in zip(data_samples, maps, strict=True):
            sample.oracle_sem_seg = PixelData(data=self._labels(probs)[0])

    def segment_boxes(
        self, inputs: Tensor, boxes: list[Tensor], data_samples: list
    ) -> list[Tensor]:
        """``foreground_probabilities`` (1, C, H, W) in original pixels, from boxes of each
        image in input pixels."""
        rois, extractor = boxes_to_rois(boxes), self.roi_extractor
        probs = [inputs.new_zeros((0, self.out_channels, *extractor.size))]
        # As many crops at a time as there are images: a noisy heatmap cannot exhaust the memory.
        for some in rois.split(max(len(inputs), 1)) if len(rois) else ():
            logits = self._logits(extractor.crop(inputs, some))
            probs.append(foreground_probabilities(logits.float()))
        by_image = torch.cat(probs).split([len(found) for found in boxes])
        return [
            extractor.paste(own, boxes_to_rois([found]), inputs.shape[-2:], 1, sample.ori_shape[:2])
            for own, found, sample in zip(by_image, boxes, data_samples, strict=True)
        ]

    def _labels(self, probs: Tensor) -> Tensor:
        """Label maps (N, 1, H, W) from pasted probabilities."""
        threshold = self.decode_head.threshold if self.out_channels == 1 else None
        return discretize(probs, threshold)

    def _localizer_view(self, inputs: Tensor) -> Tensor:
        """The images as the localizer sees them."""
        if self.localizer_size in (None, tuple(inputs.shape[-2:])):
            return inputs
        return F.interpolate(
            inputs, self.localizer_size, mode='bilinear', align_corners=False, antialias=True
        )

    def _check_test_samples(self, inputs: Tensor, data_samples: list) -> None:
        name, size = type(self).__name__, tuple(inputs.shape[-2:])
        for sample in data_samples:
            if any(sample.metainfo.get('img_padding_size', (0,))):
                raise ValueError(
                    f'{name} got images padded to {size} at test time. It takes any size: leave '
                    "'size' and 'size_divisor' out of data_preprocessor.test_cfg."
                )
            if sample.metainfo.get('flip'):
                raise ValueError(f'{name} got a flipped image at test time: leave out the flip.')

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """The localizer's features."""
        return self.localizer.extract_feat(inputs)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Pasted probabilities (N, C, H, W) of images, at their own size."""
        own = dict(ori_shape=tuple(inputs.shape[-2:]))
        samples = [SegDataSample(metainfo={**meta, **own}) for meta in batch_img_metas]
        boxes = [i.bboxes for i in self.localize(inputs, samples)]
        pasted = torch.cat(self.segment_boxes(inputs, boxes, samples))
        return pasted if self.out_channels == 1 else flip_background(pasted)

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> tuple:
        """Raw outputs: the localizer's, and the segmentor's logits for one RoI an image, the
        whole of it. What counts operations and parameters calls this."""
        first = self.localizer(self._localizer_view(inputs))
        return first, self._segment_whole(inputs)

    def _segment_whole(self, inputs: Tensor) -> Tensor:
        """The segmentor's logits for the whole of each image."""
        h, w = inputs.shape[-2:]
        rois = boxes_to_rois([inputs.new_tensor([[0, 0, w, h]])] * len(inputs))
        return self._logits(self.roi_extractor.crop(inputs, rois))

    def _logits(self, crops: Tensor) -> Tensor:
        """The segmentor's logits (K, C, h, w) of crops, at their size."""
        # Not mode='tensor', which a cascade (PointRend) or a query head (Mask2Former) has not.
        return self.segmentor.encode_decode(crops, [dict(img_shape=crops.shape[-2:])] * len(crops))


def _own_box(inputs: Tensor, sample: SegDataSample) -> InstanceData:
    """The box of a sample's mask, in pixels of the inputs."""
    mask = sample.pred_sem_seg.data[0]
    box = scale_boxes(mask_to_box(mask).to(inputs), mask.shape, inputs.shape[-2:])
    return InstanceData(bboxes=box, scores=sample.pred_instances.scores.max()[None])


def dice(a: Tensor, b: Tensor) -> float:
    """Dice of the foregrounds of two label maps; 1 where both are empty."""
    a, b = a > 0, b > 0
    total = a.sum() + b.sum()
    return float(2 * torch.logical_and(a, b).sum() / total) if total else 1.0
