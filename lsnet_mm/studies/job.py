from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..apis.tidy_up import TidyUp
from .model_spec import ModelSpec


@dataclass(frozen=True)
class Job:
    """What is to be done with every study. It travels to worker processes.

    Attributes:
        spec: The model, and how it is run.
        out: Folder to write to.
        threads: Of torch in this process; 0 leaves them as they are.
        dicom_seg: Write a DICOM Segmentation.
        probability: Write the probability of foreground.
        preview: Write a montage and a page.
        tidy_up: What is removed from masks.
        overwrite: Replace outputs that are there already.
        model: What identifies the model, for the record of a study.
    """

    spec: ModelSpec
    out: Path
    threads: int = 0
    dicom_seg: bool = False
    probability: bool = False
    preview: bool = False
    tidy_up: TidyUp = TidyUp()
    overwrite: bool = False
    model: dict = field(default_factory=dict)
