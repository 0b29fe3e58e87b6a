"""A segmentor whose mask is known beforehand: it thresholds the windowed slice."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import InstanceData, PixelData
from torch import nn

LOW, HIGH = -100, 240  # the window of the config below
GREY = 127.5  # 70 HU


@MODELS.register_module(force=True)
class ThresholdSegmentor(BaseModel):
    """Foreground is what is brighter than a grey value; the box is that of the foreground."""

    num_classes = 2

    def __init__(self, data_preprocessor=None, train_cfg=None, test_cfg=None):
        super().__init__(data_preprocessor)
        self.threshold = nn.Parameter(torch.tensor(GREY))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            return dict(loss=1 + 0 * self.threshold)
        if mode == 'tensor':
            return inputs
        assert mode == 'predict' and not self.training
        for image, sample in zip(inputs, data_samples, strict=True):
            grey = image[image.shape[0] // 2]
            assert grey.shape == tuple(sample.ori_shape)
            mask = grey > self.threshold
            sample.pred_sem_seg = PixelData(data=mask[None].long())
            sample.pred_probability = PixelData(data=(grey / 255)[None])
            sample.pred_heatmap = PixelData(data=mask[None, ::4, ::4].float())
            y, x = (torch.where(mask.any(dim=d))[0] for d in (1, 0))
            box = [[x[0], y[0], x[-1] + 1, y[-1] + 1]] if len(x) else []
            boxes = torch.tensor(box, dtype=torch.float32).view(-1, 4)
            sample.pred_instances = InstanceData(bboxes=boxes, scores=torch.ones(len(boxes)))
        return data_samples


def expected_mask(hu):
    """The mask of HU, as the segmentor with the config below gives it."""
    grey = (hu.astype('float32') - LOW) * (255 / (HIGH - LOW))
    return (grey.clip(0, 255) > GREY).astype('uint8')


def write_model(folder: Path, **pipeline) -> tuple[Path, Path]:
    """Write config and checkpoint of it; both as a training run would leave them."""
    folder.mkdir(parents=True, exist_ok=True)
    load = [dict(type='LoadCTSlice'), dict(type='HUWindow', window=(LOW, HIGH))]
    truth = [dict(type='LoadCTMask'), dict(type='BoxesFromMask'), dict(type='PackLSNetInputs')]
    dataset = dict(type='PancreasCTDataset', data_root='nowhere', pipeline=load + truth)
    cfg = Config(
        dict(
            default_scope='mmseg',
            custom_imports=dict(
                imports=['lsnet_mm.models', 'lsnet_mm.datasets', 'threshold_segmentor']
            ),
            model=dict(
                type='ThresholdSegmentor',
                data_preprocessor=dict(type='SegDataPreProcessor', size_divisor=1),
            ),
            test_dataloader=dict(dataset=dataset | pipeline),
        )
    )
    cfg.dump(folder / 'threshold.py')
    state = dict(threshold=torch.tensor(GREY))
    meta = dict(dataset_meta=dict(classes=('background', 'pancreas')))
    torch.save(dict(state_dict=state, meta=meta), folder / 'threshold.pth')
    return folder / 'threshold.py', folder / 'threshold.pth'
