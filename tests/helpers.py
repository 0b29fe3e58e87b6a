"""Small models and samples, configs, and ways to run a tool, that several tests share."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample

import lsnet_mm.models  # noqa: F401  registers
from lsnet_mm.evaluation.boxes import union_box_iou

ROOT = Path(__file__).resolve().parents[1]
GN = dict(type='GN', num_groups=4)
#: What is read in loaders' own processes takes longer to start than to read.
NO_WORKERS = tuple(f'{name}_dataloader.num_workers=0' for name in ('train', 'val', 'test'))
#: A user's own config, of MMSegmentation's bases and classes alone.
MY_MMSEG = """
_base_ = [
    'mmseg::_base_/models/fcn_unet_s5-d16.py',
    'mmseg::_base_/schedules/schedule_20k.py',
    'mmseg::_base_/default_runtime.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')
]
dataset = dict(
    type='BaseSegDataset', data_root='data', data_prefix=dict(img_path='img', seg_map_path='ann'),
    img_suffix='.png', metainfo=dict(classes=('background', 'disc'), palette=[[0] * 3, [255] * 3]))
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mDice'])
test_evaluator = val_evaluator
data_preprocessor = dict(size=(64, 64))
model = dict(data_preprocessor=data_preprocessor)
"""


def migrated():
    """The ten lines of docs/migrating.md, on ``my_mmseg.py``."""
    return (ROOT / 'docs' / 'migrating.md').read_text().split('```python\n')[1].split('```')[0]


def load_tool(name):
    """A script of ``tools/``, as a module."""
    spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_script(script, *args, cwd, fails=False, **env):
    """What a script of ``tools/``, or of elsewhere by its path, prints; the Python is the tests'.

    Args:
        fails: It has to; else it must not.
    """
    python = () if str(script).endswith('.sh') else (sys.executable, '-W', 'ignore')
    fixed = {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}
    result = subprocess.run(
        [*python, str(ROOT / 'tools' / script), *map(str, args)],
        cwd=cwd,
        env={**os.environ, **fixed, **env},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert bool(result.returncode) == fails, result.stdout[-4000:]
    return result.stdout


def refusal(capsys, function, *args):
    """What a tool says when it does not like its arguments."""
    with pytest.raises(SystemExit) as caught:
        function(*args)
    assert caught.value.code == 2
    return capsys.readouterr().err


def segmentor(out_channels=1, num_classes=2, norm_cfg=GN):
    """The config of a U-Net of width 8."""
    return dict(
        type='EncoderDecoder',
        backbone=dict(
            type='StemResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm_cfg
        ),
        neck=dict(
            type='UNetNeck',
            in_channels=(8, 8, 16, 32, 64),
            channels=(32, 16, 8, 8, 8),
            norm_cfg=norm_cfg,
        ),
        decode_head=dict(
            type='ConvHead',
            in_channels=8,
            num_classes=num_classes,
            out_channels=out_channels,
            loss_decode=dict(type='FocalDiceLoss'),
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )


def localizer(norm_cfg=GN, **head):
    """The config of an L-Net of width 8."""
    return dict(
        type='LNet',
        backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm_cfg),
        neck=dict(
            type='UNetNeck', in_channels=(8, 16, 32, 64), channels=(32, 16, 16), norm_cfg=norm_cfg
        ),
        head=dict(type='KPBBRHead', in_channels=16, feat_channels=16, norm_cfg=norm_cfg, **head),
    )


def lsnet(head=None, seg=None, **kwargs):
    """A built LSNet on 64-pixel crops."""
    init_default_scope('mmseg')
    cfg = dict(
        type='LSNet',
        data_preprocessor=dict(type='SegDataPreProcessor', size_divisor=1),
        localizer=localizer(**(head or {})),
        roi_extractor=dict(type='RoIRecalibration', size=(64, 64), margin=4, reference_width=None),
        segmentor=seg or segmentor(),
    )
    return MODELS.build(cfg | kwargs)


def batch(boxes=((20, 24, 50, 60), None), size=(96, 96), classes=1):
    """Images with bright ellipses in the given boxes (None: nothing), and their samples."""
    torch.manual_seed(0)
    inputs, samples = 0.1 * torch.randn(len(boxes), 3, *size), []
    y, x = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing='ij')
    for i, box in enumerate(boxes):
        mask = torch.zeros(1, *size, dtype=torch.long)
        if box is not None:
            x1, y1, x2, y2 = box
            inside = ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 < 1
            mask[0][inside] = 1 + i % classes
            inputs[i, :, inside] += 1
        gt = InstanceData(bboxes=torch.tensor([box] if box else []).float().view(-1, 4))
        gt.labels = torch.zeros(len(gt.bboxes), dtype=torch.long)
        meta = dict(ori_shape=size, img_shape=size, case=f'case{i}', slice_index=i, spacing=None)
        sample = SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=mask), gt_instances=gt)
        samples.append(sample)
    return inputs, samples


def learn_by_heart(model, inputs, samples, lr, steps):
    """Trains both phases in turn on one batch, in plain torch.

    Returns:
        tuple: IoU of the box found in each image then, and Dice of its mask; 1 where nothing is
        there and nothing was found.
    """
    adam = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        for mode in ('loss_localizer', 'loss_segmentor'):
            loss, _ = model.parse_losses(model(inputs, samples, mode))
            adam.zero_grad()
            loss.backward()
            adam.step()
    model.eval()
    with torch.no_grad():
        predicted = model(inputs, samples, 'predict')
    ious, dices = [], []
    for sample in predicted:
        boxes, truth = sample.pred_instances.bboxes, sample.gt_instances.bboxes
        ious.append(union_box_iou(boxes, truth) if len(truth) else float(len(boxes) == 0))
        both = torch.stack((sample.pred_sem_seg.data, sample.gt_sem_seg.data)).bool()
        total = both.sum()
        dices.append(float(2 * both.all(dim=0).sum() / total) if total else 1.0)
    return ious, dices


def assert_second_stage_leaves_the_first(model, inputs, samples):
    """Of parameters and of the statistics of norms; its own have a gradient."""
    before = {key: value.clone() for key, value in model.localizer.state_dict().items()}
    loss, _ = model.parse_losses(model(inputs, samples, mode='loss_segmentor'))
    loss.backward()
    assert all(p.grad is None for p in model.localizer.parameters())
    assert any(p.grad is not None for p in model.segmentor.parameters())
    for key, value in model.localizer.state_dict().items():
        assert torch.equal(value, before[key]), key
