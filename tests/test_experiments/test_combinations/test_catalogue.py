"""Each combination of the catalogue trains a step of both phases and predicts.

Those that need MMDetection's models, or mmcv's compiled operations, have the mark ``mmdet``.
"""

from importlib.util import find_spec

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope

from lsnet_mm.experiments.combinations.catalogue import (
    COMBINATIONS,
    LOCALIZERS,
    set_classes,
    stock_model,
    two_stage_model,
)
from lsnet_mm.experiments.combinations.command import phantom_batch, try_out
from lsnet_mm.utils.config import pretrained_parts

SIZE = 64
OPS = {'mmdet', 'mmcv._ext'}

pytestmark = pytest.mark.filterwarnings('ignore')  # MMSegmentation's, on its own configs


def config(name, num_classes=3, crop_size=SIZE):
    entry = dict(COMBINATIONS[name])
    if missing := [module for module in entry.pop('needs') if find_spec(module) is None]:
        pytest.skip(f'{", ".join(missing)} not installed')
    return two_stage_model(crop_size=crop_size, num_classes=num_classes, **entry)


def names():
    for name, entry in COMBINATIONS.items():
        marks = [pytest.mark.mmdet] if OPS & set(entry['needs']) else []
        yield pytest.param(name, id=name, marks=marks)


@pytest.mark.parametrize('name', names())
def test_trains_a_step_and_predicts(name):
    model = config(name, crop_size=SIZE // 2)
    assert not list(pretrained_parts(model))  # nothing is downloaded
    losses = try_out(model, SIZE, organs=2)['losses']
    first, second = losses['loss_localizer'], losses['loss_segmentor']
    assert first['localizer.loss_cls'] > 0 and first['localizer.loss_bbox'] > 0
    assert second['loss'] > 0
    auxiliary = 'auxiliary_head' in model.segmentor
    assert any(key.startswith('segmentor.aux') for key in second) == auxiliary


@pytest.mark.parametrize('name', ['upernet', 'ocrnet_hrnet', 'segformer'])
def test_several_classes_are_those_of_the_segmentor(name):
    """A box around the whole image gives MMSegmentation's own answer on it."""
    model = config(name)
    model.roi_extractor.margin = 0
    model.segmentor.test_cfg = dict(mode='whole')
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = revert_sync_batchnorm(MODELS.build(model))
    model.init_weights()
    model.eval()
    data = model.data_preprocessor(phantom_batch(SIZE, organs=2), False)
    inputs, samples = data['inputs'], data['data_samples']
    whole = [torch.tensor([[0.0, 0, SIZE, SIZE]])] * len(inputs)
    with torch.no_grad():
        # Untrained logits are nearly one class: let the three compete.
        head = model.decode_head
        logits = model.segmentor.encode_decode(inputs, [dict(img_shape=inputs.shape[-2:])] * 2)
        head.conv_seg.bias -= logits.mean(dim=(0, 2, 3))
        expected = [s.pred_sem_seg.data for s in model.segmentor.predict(inputs)]
        found = [model._labels(m)[0] for m in model.segment_boxes(inputs, whole, samples)]
    assert set(torch.cat(expected).unique().tolist()) == {0, 1, 2}
    for a, b in zip(found, expected, strict=True):
        assert (a == b).float().mean() > 0.999


@pytest.mark.parametrize('name', ['upernet', 'ocrnet_hrnet', 'segformer'])
def test_one_channel(name):
    """A binary mask from a sigmoid, as docs/migrating.md has it."""
    model = config(name, num_classes=2)
    binary = dict(
        out_channels=1, threshold=0.5, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)
    )
    for head in (model.segmentor.decode_head, model.segmentor.get('auxiliary_head', [])):
        for part in head if isinstance(head, list) else [head]:
            part.update(binary)
    try_out(model, SIZE, organs=1)
    init_default_scope('mmseg')
    built = MODELS.build(model)
    assert built.out_channels == 1 and built.decode_head.threshold == 0.5


@pytest.mark.parametrize(
    'name, channels',
    [
        ('deeplabv3', [64, 128, 256, 512]),
        ('semantic_fpn', [64] * 4),  # behind an FPN
        ('stdc', [256, 512, 1024]),  # the S-Net's own backbone
        ('upernet_vit', [192] * 4),
    ],
)
def test_necks_fit_the_backbone(name, channels):
    assert config(name).localizer.neck[-1]['in_channels'] == channels


def test_all_localizers_are_used():
    assert {entry['localizer'] for entry in COMBINATIONS.values()} == LOCALIZERS.keys()


@pytest.mark.parametrize(
    'name, part, classes',
    [
        # STDC's boundary head has two classes of its own.
        ('stdc1_4xb12-80k_cityscapes-512x1024', 'auxiliary_head', [3, 3, 2]),
        ('ocrnet_hr18s_4xb4-160k_ade20k-512x512', 'decode_head', [3, 3]),  # stages of a cascade
    ],
)
def test_heads_of_the_data_set_only(name, part, classes):
    model = set_classes(stock_model(name), 3)
    assert [head.num_classes for head in model[part]] == classes


def test_weights_of_classes():
    model = set_classes(stock_model('cgnet_fcn_4xb4-60k_cityscapes-680x680'), 2)
    assert model.decode_head.loss_decode.class_weight == [1, 1]
    model = set_classes(stock_model('mask2former_r50_8xb2-160k_ade20k-512x512'), 2)
    assert model.decode_head.loss_cls.class_weight == [1, 1, 0.1]


def test_a_name_that_mmsegmentation_has_not():
    with pytest.raises(FileNotFoundError, match='nowhere'):
        stock_model('nowhere')
