from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from ..apis.load_model import load_config
from ..apis.tidy_up import TidyUp
from ..evaluation.provenance import config_sha256
from ..version import __version__


@dataclass(frozen=True)
class Job:
    """What is to be done with every study. It travels to worker processes.

    Attributes:
        config: Config file.
        checkpoint: Checkpoint file.
        out: Folder to write to.
        device: Such as ``'cuda:0'``; None: a GPU if there is one.
        batch_size: Slices at a time.
        threads: Of torch in this process; 0 leaves them as they are.
        dicom_seg: Write a DICOM Segmentation.
        probability: Write the probability of foreground.
        preview: Write a montage and a page.
        tidy_up: What is removed from masks.
        overwrite: Replace outputs that are there already.
        unsafe_checkpoint: Let the checkpoint run code when it is loaded.
        dtype: Of the nets.
        model: What identifies the model, for the record of a study.
    """

    config: str
    checkpoint: str
    out: Path
    device: str | None = None
    batch_size: int = 8
    threads: int = 0
    dicom_seg: bool = False
    probability: bool = False
    preview: bool = False
    tidy_up: TidyUp = TidyUp()
    overwrite: bool = False
    unsafe_checkpoint: bool = False
    dtype: str = 'float32'
    model: dict = field(default_factory=dict)


def identify_model(config: str, checkpoint: str, dtype: str = 'float32') -> dict:
    """Name and hashes of a model, without paths, and what it computes in.

    Raises:
        FileNotFoundError: If one of the files is missing.
    """
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f'checkpoint not found: {checkpoint}')
    cfg = load_config(config)
    return {
        'name': Path(config.split('::')[-1]).stem,
        'config_sha256': config_sha256(cfg.to_dict()),
        'checkpoint_sha256': hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest(),
        'lsnet_mm': __version__,
    } | ({} if dtype == 'float32' else {'dtype': dtype})
