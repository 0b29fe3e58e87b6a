"""What the tests of exports share: small configs, models that learned something, predictions."""

from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample

import lsnet_mm.datasets  # noqa: F401  registers
from lsnet_mm import __version__
from lsnet_mm.experiments.phantom import make_case
from lsnet_mm.models.geometry import mask_to_box
from lsnet_mm.utils.versions import too_old_for

OLD = too_old_for('ONNX export')
needs_graphs = pytest.mark.skipif(bool(OLD), reason=str(OLD))
BN = dict(type='BN')
REAL = Path('data/pancreas_ct_slices/train')
STATISTICS = dict(mean=[120.0, 110, 100], std=[60.0, 55, 50])
PREPROCESSOR = dict(type='SegDataPreProcessor', bgr_to_rgb=True, size_divisor=1, **STATISTICS)


def shallow(stages):
    """Settings of a ResNet that ends early: what torch takes to export a graph grows with it."""
    strides, levels = (1, 2, 2)[:stages], tuple(range(stages))
    return dict(num_stages=stages, strides=strides, dilations=(1,) * stages, out_indices=levels)


def segmentor(classes=1, norm_cfg=BN):
    """The config of a shallow U-Net of width 8."""
    net = helpers.segmentor(classes, max(classes, 2), norm_cfg)
    net['backbone'] |= shallow(2)
    net['neck'] |= dict(in_channels=(8, 8, 16), channels=(16, 8, 8))
    return net


def localizer(norm_cfg=BN):
    """The config of a shallow L-Net of width 8, with voting."""
    net = helpers.localizer(norm_cfg, test_cfg=dict(vote=True))
    net['backbone'] |= shallow(3)
    net['neck'] |= dict(in_channels=(8, 16, 32), channels=(16, 16))
    return net


def config(model, *pipeline):
    """A config as text on disk would give it, with a path and with what only training needs."""
    load, *rest = pipeline
    pipeline = [dict(type=load), *rest, dict(type='PackLSNetInputs')]
    dataset = dict(type='SliceFolderDataset', data_root='/home/me/patients', pipeline=pipeline)
    return Config(
        dict(
            default_scope='mmseg',
            custom_imports=dict(imports=['lsnet_mm.models', 'lsnet_mm.datasets']),
            model=model | dict(data_preprocessor=PREPROCESSOR),
            test_pipeline=pipeline,
            test_dataloader=dict(batch_size=1, dataset=dataset),
            optim_wrapper=dict(type='OptimWrapper'),
            work_dir='/home/me/runs',
        )
    )


def lsnet_config():
    """Group normalisation: the statistics of two kinds of data would not mix in so few steps."""
    model = dict(
        type='LSNet',
        localizer=localizer(helpers.GN),
        localizer_size=(64, 64),
        roi_extractor=dict(type='RoIRecalibration', size=(64, 64), margin=16),
        segmentor=segmentor(norm_cfg=helpers.GN),
        test_cfg=dict(rounds=3, agreement=0.99),
    )
    return config(model, 'LoadCTSlice', dict(type='HUWindow', window=(-100, 240)))


def build(cfg):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def phantom_slices():
    """Slices (N, 96, 80) in HU of a phantom, and masks; some have no pancreas."""
    image, label, _ = make_case(seed=3, case=0, shape=(80, 96, 16))
    return image.T.astype(np.float32), label.T.astype(np.int64)


def real_slices(n):
    """The same of real slices, or nothing where they are not: grey values taken back into HU."""
    images = sorted(REAL.glob('images/*'))[:: 300 // n][:n]
    masks = sorted(REAL.glob('masks/*'))[:: 300 // n][:n]
    images = [cv2.imread(str(path), 0) for path in images]
    masks = [cv2.imread(str(path), 0) > 0 for path in masks]
    return np.float32(images) / 255 * 340 - 100, np.int64(masks)


def training_batch(model, slices, masks):
    """What the data preprocessor makes of slices in HU and masks."""
    grey = torch.from_numpy((slices.clip(-100, 240) + 100) * np.float32(255 / 340))
    samples = []
    for mask in torch.from_numpy(masks):
        boxes = mask_to_box(mask)
        gt = InstanceData(bboxes=boxes, labels=torch.zeros(len(boxes), dtype=torch.long))
        sample = SegDataSample(gt_sem_seg=PixelData(data=mask[None]), gt_instances=gt)
        sample.set_metainfo(dict(img_shape=tuple(mask.shape), ori_shape=tuple(mask.shape)))
        samples.append(sample)
    data = dict(inputs=[image[None] for image in grey], data_samples=samples)
    return model.data_preprocessor(data, training=True)


def train(model, batches, steps):
    """Adam on both losses together, the batches in turn."""
    batches = [training_batch(model, *batch) for batch in batches if len(batch[0])]
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for step in range(steps):
        loss, _ = model.parse_losses(model(**batches[step % len(batches)], mode='loss'))
        adam.zero_grad()
        loss.backward()
        adam.step()
    return adam


def save_training_checkpoint(path, model, cfg, adam):
    """As mmengine's CheckpointHook leaves it."""
    hub = MessageHub(f'export_{path.parent.name}')
    hub.update_scalar('train/loss', 1.0)
    meta = dict(
        cfg=cfg.pretty_text,
        epoch=3,
        experiment_name='secret',
        lsnet_mm_version=__version__,
        dataset_meta=dict(classes=('background', 'pancreas'), palette=[[0, 0, 0], [255, 0, 0]]),
    )
    content = dict(meta=meta, state_dict=model.state_dict(), optimizer=adam.state_dict())
    torch.save(content | dict(message_hub=hub.state_dict()), path)


@torch.no_grad()
def predict(model, cfg, slices):
    """PyTorch's answer: the config's own pipeline behind the loader, and the model's test step."""
    pipeline = Compose(cfg.test_pipeline[1:])
    samples = []
    for image in slices:
        shape = image.shape[:2]
        samples.append(pipeline(dict(img=image, img_shape=shape, ori_shape=shape)))
    return model.eval().test_step(pseudo_collate(samples))


def dice(a, b):
    a, b = np.asarray(a) > 0, np.asarray(b) > 0
    return 1.0 if not (a.any() or b.any()) else 2 * (a & b).sum() / (a.sum() + b.sum())
