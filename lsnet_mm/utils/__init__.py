"""Configs, and checkpoints from elsewhere."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .checkpoint import UnsafeCheckpointError, refuse_unsafe_checkpoints, safe_torch_load  # noqa: F401
    from .config import allow_external_configs, detector_config  # noqa: F401
    from .settings import read_config  # noqa: F401

__getattr__, __all__ = lazy_names(
    __name__,
    {
        'checkpoint': ['UnsafeCheckpointError', 'refuse_unsafe_checkpoints', 'safe_torch_load'],
        'config': ['allow_external_configs', 'detector_config'],
        'settings': ['read_config'],
    },
)
