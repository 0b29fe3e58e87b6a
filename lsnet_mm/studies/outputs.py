from __future__ import annotations

import json
import os

from ..files import write_atomic
from ..volumes import VolumeError
from .job import Job
from .study import Study


class Outputs:
    """The files of one study: all there, or none of this run.

    The record is written last: where it is, the others are.

    Args:
        study: Whose.
        job: What is wanted.
    """

    def __init__(self, study: Study, job: Job):
        self.study = study
        self.job = job
        self.record = f'{study.name}.json'
        self.mask = f'{study.name}.nii.gz'
        self.probability = f'{study.name}_probability.nii.gz'
        self.dicom_seg = f'{study.name}_seg.dcm'
        self.montage = f'{study.name}.png'
        self.page = f'{study.name}.html'

    @property
    def wanted(self) -> list[str]:
        """Names of the files of this job, without the record."""
        names = [self.mask]
        names += [self.dicom_seg] if self.job.dicom_seg else []
        names += [self.probability] if self.job.probability else []
        names += [self.montage, self.page] if self.job.preview else []
        return names

    def is_done(self, fingerprint: str) -> bool:
        """Whether all is there, of this study, this model and this tidying-up.

        Raises:
            VolumeError: If something is there that is not, and may not be replaced.
        """
        record = self._read_record()
        same = (
            record.get('source') == fingerprint
            and record.get('model') == self.job.model
            and record.get('tidy_up') == describe(self.job)
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


def describe(job: Job) -> dict:
    """The tidying-up of a job, for the record."""
    tidy = job.tidy_up
    return dict(largest_component=tidy.largest_component, min_volume_ml=tidy.min_volume_ml)
