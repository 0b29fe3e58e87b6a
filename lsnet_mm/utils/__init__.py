from .checkpoint import UnsafeCheckpointError, refuse_unsafe_checkpoints, safe_torch_load
from .openmmlab import allow_external_configs

__all__ = [
    'UnsafeCheckpointError',
    'allow_external_configs',
    'refuse_unsafe_checkpoints',
    'safe_torch_load',
]
