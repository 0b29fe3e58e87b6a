"""L-SNet and its rivals for two-stage medical image segmentation, as an OpenMMLab plugin.

Importing this package registers nothing: configs do that, by `custom_imports`.
"""

import warnings
from importlib.util import find_spec

from .version import __version__

__all__ = ['__version__']

# What mmcv-lite says at every import of a layer that no config of ours has.
warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')

_missing = [name for name in ('mmengine', 'mmcv', 'mmseg') if find_spec(name) is None]
if _missing:
    raise ImportError(
        f'lsnet_mm needs OpenMMLab, and {", ".join(_missing)} cannot be found. '
        "Install torch, then: pip install 'lsnet_mm[openmmlab]'"
    )
