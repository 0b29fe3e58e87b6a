"""Models of MMSegmentation's own configs, as they are installed with it."""

from copy import deepcopy
from pathlib import Path

import mmseg
from mmengine.config import Config

from ..utils.config_parts import config_parts
from ..utils.pretrained import train_from_scratch

STOCK = Path(mmseg.__file__).parent / '.mim' / 'configs'


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
