from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..apis.load_model import load_config
from ..evaluation.computation import config_sha256
from ..version import __version__


@dataclass(frozen=True)
class ModelSpec:
    """A model, and how it is to be run.

    Attributes:
        config: Config file.
        checkpoint: Checkpoint file.
        device: Such as ``'cuda:0'``.
        batch_size: Slices at a time.
        unsafe_checkpoint: Let the checkpoint run code when it is loaded.
        dtype: What its nets compute in.
        compile: Compile them.
    """

    config: str
    checkpoint: str
    device: str
    batch_size: int = 8
    unsafe_checkpoint: bool = False
    dtype: str = 'float32'
    compile: bool = False

    def identity(self) -> dict:
        """Name and hashes, without paths; precision and compilation if they are not the default.

        Raises:
            FileNotFoundError: If one of the files is missing.
        """
        if not Path(self.checkpoint).is_file():
            raise FileNotFoundError(f'checkpoint not found: {self.checkpoint}')
        known = {
            'name': Path(self.config).stem,
            'config_sha256': config_sha256(load_config(self.config).to_dict()),
            'checkpoint_sha256': hashlib.sha256(Path(self.checkpoint).read_bytes()).hexdigest(),
            'lsnet_mm': __version__,
        }
        known |= {'dtype': self.dtype} if self.dtype != 'float32' else {}
        return known | ({'compile': True} if self.compile else {})
