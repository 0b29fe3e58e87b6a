"""An L-Net with one of MMSegmentation's segmentors, whose config is read as it is installed."""

from copy import deepcopy
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import mmseg
from mmengine.config import Config, ConfigDict

from ...utils.config import config_parts, train_from_scratch
from ..reproduction.composing import ROOT
from .catalogue import COMBINATIONS, LOCALIZERS

STOCK = Path(mmseg.__file__).parent / '.mim' / 'configs'


@dataclass(frozen=True)
class Combination:
    """An L-Net and an S-Net, by config.

    Attributes:
        name: In the table.
        localizer_name: Of the L-Net, a key of ``LOCALIZERS``.
        config: Of the S-Net, below MMSegmentation's ``configs/``.
        changes: To the model of that config.
        needs: Modules that must be there, for either net.
        localizer_size: Height and width of what L-Net must see; None if it takes any.
        crop_size: The same for S-Net.
    """

    name: str
    localizer_name: str
    config: str
    changes: dict = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    localizer_size: int | None = None
    crop_size: int | None = None

    def missing(self) -> list[str]:
        """What is not installed of what it needs."""
        return [name for name in self.needs if find_spec(name) is None]

    def model(self, crop_size: int, num_classes: int) -> dict:
        """The two-stage model; crops are ``crop_size`` pixels wide unless S-Net has a size.

        L-Net is asked for a box in every image, whatever it finds: an untrained one finds nothing.
        """
        localizer = ConfigDict(self.localizer())
        localizer.head.test_cfg = dict(score_thr=-1.0)
        crop_size = self.crop_size or crop_size
        seen = self.localizer_size
        segmentor = set_classes(stock_model(self.config, self.changes), num_classes)
        segmentor.pop('data_preprocessor', None)  # one serves both nets
        return ConfigDict(
            type='LSNet',
            data_preprocessor=dict(
                type='SegDataPreProcessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                size_divisor=1,
            ),
            localizer=localizer,
            localizer_size=seen and (seen, seen),
            roi_extractor=dict(
                type='RoIRecalibration', size=(crop_size, crop_size), margin=crop_size // 20
            ),
            segmentor=segmentor,
        )

    def localizer(self) -> dict:
        """The config of the L-Net."""
        found = LOCALIZERS[self.localizer_name]
        return _base(found) if isinstance(found, str) else _base('lnet_unet_r18') | found


def read_combinations() -> dict[str, Combination]:
    """All of ``catalogue.py``, by name."""
    return {name: Combination(name, **entry) for name, entry in COMBINATIONS.items()}


def stock_model(config: str, changes: dict | None = None) -> dict:
    """The model of one of MMSegmentation's configs, without pretrained weights.

    Args:
        config: The file, below its ``configs/``.
        changes: To the model, as in a config that inherits this one.

    Raises:
        FileNotFoundError: If there is none.
    """
    # A config may import packages that are not installed; building then says which is missing.
    cfg = Config.fromfile(STOCK / config, import_custom_modules=False)
    # A copy: mmengine takes `_delete_` out of what it merges.
    cfg.merge_from_dict(dict(model=deepcopy(changes or {})))
    train_from_scratch(cfg.model)
    return cfg.model


def set_classes(model: dict, num_classes: int) -> dict:
    """Sets the number of classes in all heads that tell the classes of the data set apart.

    Weights of classes become 1. A head for something else, such as STDC's for boundaries, is told
    by a number of classes of its own.

    Args:
        model: Of a segmentor; changed in place.
        num_classes: With background.
    """
    parts = list(config_parts(model))
    head = model['decode_head']
    old = next(p['num_classes'] for p in config_parts(head) if 'num_classes' in p)
    for part in parts:
        if part.get('num_classes') == old:
            part['num_classes'] = num_classes
        if part.get('class_weight'):
            # A query head (Mask2Former) has one more, for no object.
            part['class_weight'] = [1.0] * num_classes + list(part['class_weight'])[old:]
    return model


def _base(stem: str) -> dict:
    """The L-Net of a file to inherit."""
    path = ROOT / 'configs' / '_base_' / 'models' / f'{stem}.py'
    return Config.fromfile(path).localizer.to_dict()
