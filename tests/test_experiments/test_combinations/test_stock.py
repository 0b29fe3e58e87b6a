"""MMSegmentation's own models, with other numbers of classes and without weights to download."""

import pytest

from lsnet_mm.experiments.combinations.combination import (
    read_combinations,
    set_classes,
    stock_model,
)
from lsnet_mm.utils.config import pretrained_parts


def test_heads_of_the_data_set_only():
    """STDC's boundary head has two classes of its own."""
    model = set_classes(stock_model('stdc/stdc1_4xb12-80k_cityscapes-512x1024.py'), 3)
    assert model.decode_head.num_classes == 3
    assert [head.num_classes for head in model.auxiliary_head] == [3, 3, 2]


def test_all_stages_of_a_cascade():
    model = set_classes(stock_model('ocrnet/ocrnet_hr18s_4xb4-160k_ade20k-512x512.py'), 4)
    assert [head.num_classes for head in model.decode_head] == [4, 4]


def test_weights_of_classes():
    model = set_classes(stock_model('cgnet/cgnet_fcn_4xb4-60k_cityscapes-680x680.py'), 2)
    assert model.decode_head.loss_decode.class_weight == [1, 1]
    model = stock_model('mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py')
    assert set_classes(model, 2).decode_head.loss_cls.class_weight == [1, 1, 0.1]


def test_changes_are_those_of_a_config_that_inherits():
    name = 'pspnet/pspnet_r50-d8_4xb4-160k_ade20k-512x512.py'
    model = stock_model(name, dict(backbone=dict(type='ResNeXt', groups=32)))
    assert (model.backbone.type, model.backbone.depth) == ('ResNeXt', 50)
    changes = dict(backbone=dict(_delete_=True, type='MobileNetV2'))
    for _ in range(2):  # the first leaves them as they are
        assert dict(stock_model(name, changes).backbone) == dict(type='MobileNetV2')


def test_a_config_that_is_not_there():
    with pytest.raises(FileNotFoundError, match='nowhere.py'):
        stock_model('nowhere.py')


def test_nothing_is_downloaded():
    for name, combination in read_combinations().items():
        assert not list(pretrained_parts(combination.model(64, 3))), name
