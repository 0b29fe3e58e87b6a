"""Components are found from every scope, and every scope's parts from ours."""

import mmseg.registry
import pytest
from mmengine import registry as mmengine

import lsnet_mm.models  # noqa: F401  registers
from lsnet_mm.registry import MODELS


def test_a_component_is_found_from_every_scope():
    elsewhere = mmengine.Registry('model', parent=mmengine.MODELS, scope='elsewhere')
    for registry in (mmengine.MODELS, mmseg.registry.MODELS, elsewhere, MODELS):
        assert registry.get('LSNet').__module__ == 'lsnet_mm.models.segmentors.lsnet'


@pytest.mark.parametrize('name', mmseg.registry.__all__)
def test_our_scope_has_a_registry_below_each_of_mmsegmentations(name):
    """mmengine warns where a part of an inherited config finds none."""
    theirs = getattr(mmseg.registry, name)
    with getattr(mmengine, name).switch_scope_and_registry('lsnet_mm') as ours:
        assert ours.scope == 'lsnet_mm' and ours.parent is theirs


def test_parts_of_others_are_found_from_ours():
    assert MODELS.get('EncoderDecoder') is mmseg.registry.MODELS.get('EncoderDecoder') is not None
    assert MODELS.get('BaseDataPreprocessor') is not None
