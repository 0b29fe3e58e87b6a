from .checkpoint import UnsafeCheckpointError, refuse_unsafe_checkpoints, safe_torch_load
from .config import allow_external_configs, detector_config
from .settings import read_config

__all__ = [
    'UnsafeCheckpointError',
    'allow_external_configs',
    'detector_config',
    'read_config',
    'refuse_unsafe_checkpoints',
    'safe_torch_load',
]
