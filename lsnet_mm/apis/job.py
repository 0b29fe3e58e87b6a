"""What is to be done with studies, and what is written of each."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from ..utils.files import write_atomic
from ..utils.machine import keep_memory
from ..volumes import VolumeError
from .lsnet_inferencer import LSNetInferencer
from .study import Study
from .volume_prediction import TidyUp


@dataclass(frozen=True)
class SegmentationJob:
    """What is to be done with every study. It travels to worker processes.

    Attributes:
        config: Config file.
        checkpoint: Checkpoint file that was trained with it.
        out: Folder to write to.
        device: Such as ``'cuda:0'``.
        batch_size: Slices at a time.
        unsafe_checkpoint: Let the checkpoint run code when it is loaded.
        dtype: What the nets compute in.
        compile: Compile them.
        threads: Of torch in this process; 0 leaves them as they are.
        dicom_seg: Write a DICOM Segmentation.
        probability: Write the probability of foreground.
        preview: Write a montage and a page.
        tidy_up: What is removed from masks.
        overwrite: Replace outputs that are there already.
        model: What identifies the model, for the record of a study.
    """

    config: str
    checkpoint: str
    out: Path
    device: str
    batch_size: int = 8
    unsafe_checkpoint: bool = False
    dtype: str = 'float32'
    compile: bool = False
    threads: int = 0
    dicom_seg: bool = False
    probability: bool = False
    preview: bool = False
    tidy_up: TidyUp = TidyUp()
    overwrite: bool = False
    model: dict = field(default_factory=dict)

    def inferencer(self) -> LSNetInferencer:
        """The model, loaded once in a process."""
        return _load(
            self.config,
            self.checkpoint,
            self.device,
            unsafe_checkpoint=self.unsafe_checkpoint,
            dtype=self.dtype,
            compile=self.compile,
        )


@lru_cache(maxsize=1)
def _load(*args, **kwargs) -> LSNetInferencer:
    keep_memory()  # of a process that has loaded a model, for its activations
    return LSNetInferencer(*args, **kwargs, show_progress=False)


class Outputs:
    """The files of one study: all there, or none of this run.

    The record is written last: where it is, the others are.

    Args:
        study: Whose.
        job: What is wanted.
    """

    def __init__(self, study: Study, job: SegmentationJob):
        self.study = study
        self.job = job
        self.record = f'{study.name}.json'
        self.mask = f'{study.name}.nii.gz'
        self.probability = f'{study.name}_probability.nii.gz'
        self.dicom_seg = f'{study.name}_seg.dcm'
        self.montage = f'{study.name}.png'
        self.page = f'{study.name}.html'

    @property
    def asked(self) -> dict[str, bool]:
        """All files that there may be, without the record: whether this job writes them."""
        return {
            self.mask: True,
            self.dicom_seg: self.job.dicom_seg,
            self.probability: self.job.probability,
            self.montage: self.job.preview,
            self.page: self.job.preview,
        }

    @property
    def wanted(self) -> list[str]:
        """Names of the files of this job, without the record."""
        return [name for name, asked in self.asked.items() if asked]

    def is_done(self, fingerprint: str) -> bool:
        """Whether all is there, of this study, this model and this tidying-up.

        Raises:
            VolumeError: If something is there that is not, and may not be replaced.
        """
        record = self._read_record()
        same = (
            record.get('source') == fingerprint
            and record.get('model') == self.job.model
            and record.get('tidy_up') == asdict(self.job.tidy_up)
            # A file that it does not name is of an earlier run, perhaps of another model.
            and set(self.wanted) <= set(record.get('files', ()))
        )
        if same and all((self.job.out / name).is_file() for name in self.wanted):
            return True
        there = [n for n in (*self.wanted, self.record) if (self.job.out / n).exists()]
        if there and not self.job.overwrite:
            reason = 'it exists, and is not what this command would write'
            fix = 'Name another folder, or replace it with --overwrite'
            raise VolumeError(there[0], reason, fix)
        return False

    def write(self, files: dict[str, bytes], record: dict) -> None:
        """Write all files, and the record last.

        Raises:
            VolumeError: If one cannot be written; then none of them stays.
        """
        record = dict(record, files=sorted(files))
        text = (json.dumps(record, indent=2) + '\n').encode()
        written = []
        try:
            # The record first: a run that is killed here leaves nothing that counts as done. Then
            # what --overwrite replaces by nothing, which would pass for this model's.
            gone = self.asked.keys() - files if self.job.overwrite else ()
            for name in (self.record, *gone):
                (self.job.out / name).unlink(missing_ok=True)
            for name, content in {**files, self.record: text}.items():
                written.append(write_atomic(self.job.out / name, content))
        except OSError as error:
            for path in written:
                path.unlink(missing_ok=True)
            reason = f'its outputs cannot be written ({os.strerror(error.errno or 0)})'
            fix = 'Free space, or name a folder that can be written to'
            raise VolumeError('the study', reason, fix) from error

    def _read_record(self) -> dict:
        try:
            return json.loads((self.job.out / self.record).read_text())
        except (OSError, ValueError):
            return {}
