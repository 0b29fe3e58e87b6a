"""From a study as it was found to its outputs: whole, or not there at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..utils.files import write_atomic
from ..utils.machine import keep_memory
from ..volumes import ORIENTATION, Volume, VolumeError, pack_nifti
from .dicom_seg import pack_dicom_seg
from .lsnet_inferencer import LSNetInferencer
from .study import Study
from .volume_predictor import TidyUp, VolumePrediction

#: What may be written of a study, and how the names of its files end.
KINDS = {
    'mask': ('.nii.gz',),
    'dicom_seg': ('_seg.dcm',),
    'probability': ('_probability.nii.gz',),
    'preview': ('.png', '.html'),
}


@dataclass(frozen=True)
class SegmentationJob:
    """What is to be done with every study. It travels to worker processes.

    Attributes:
        model: Arguments of :class:`LSNetInferencer` by name; ``model`` and ``weights`` are files.
        identity: The model for the record of a study, from :func:`.load_model.model_identity`.
        out: Folder to write to.
        kinds: What to write, out of :data:`KINDS`, and a record of it as JSON.
        batch_size: Slices at a time.
        tidy_up: What is removed from masks.
        overwrite: Replace outputs that are there already.
        assume_hu: Take voxels for HU whatever they look like.
    """

    model: dict
    identity: dict
    out: Path
    kinds: Collection[str] = ('mask',)
    batch_size: int = 8
    tidy_up: TidyUp = TidyUp()
    overwrite: bool = False
    assume_hu: bool = False

    def names(self, study: Study, kinds: Collection[str]) -> list[str]:
        """Names of the files of a study, without the record."""
        endings = [ending for kind in KINDS if kind in kinds for ending in KINDS[kind]]
        return [f'{study.name}{ending}' for ending in endings]


@lru_cache(maxsize=1)
def load_inferencer(**model: object) -> LSNetInferencer:
    """The model of a job, loaded once in a process."""
    keep_memory()  # of a process that has loaded a model, for its activations
    return LSNetInferencer(**model, show_progress=False)


def segment_study(
    study: Study,
    job: SegmentationJob,
    on_slices: Callable[[int, int], None] = lambda done, total: None,
) -> dict:
    """Segment one study, unless that is done already; never raises.

    Args:
        study: Any.
        job: What to do.
        on_slices: Called with the number of slices done and of all.

    Returns:
        dict: ``name``, ``place``, and one of ``record`` (what is in the JSON file), ``skipped``, or
        ``error``, a message; then nothing was written.
    """
    about = {'name': study.name, 'place': study.place}
    try:
        source = study.fingerprint()
        if _is_done(study, job, source):
            return about | {'skipped': True}
        return about | {'record': _segment(study, job, source, on_slices)}
    except VolumeError as error:
        message = str(error)
    except OSError as error:
        message = f'a file cannot be read ({os.strerror(error.errno or 0)}). Check its permissions.'
    except (MemoryError, torch.OutOfMemoryError):
        message = 'there is not enough memory. Use fewer --workers or a smaller --batch-size.'
    except Exception as error:  # one strange study must not stop the others
        message = f'an unexpected {type(error).__name__}. Please report it.'
        if job.model.get('compile'):
            message += ' Without --compile it may work.'
    return about | {'error': message}


def _is_done(study: Study, job: SegmentationJob, source: str) -> bool:
    """Whether all is there, of this study, this model and this tidying-up.

    Raises:
        VolumeError: If something is there that is not, and may not be replaced.
    """
    wanted, record = job.names(study, job.kinds), job.out / f'{study.name}.json'
    try:
        kept = json.loads(record.read_text())
        made = (source, job.identity, asdict(job.tidy_up))
        same = (kept['source'], kept['model'], kept['tidy_up']) == made
        # A file that it does not name is of an earlier run, perhaps of another model.
        same = same and set(wanted) <= set(kept['files'])
    except (OSError, ValueError, LookupError, TypeError):  # none, or not ours
        same = False
    if same and all((job.out / name).is_file() for name in wanted):
        return True
    there = [name for name in (*wanted, record.name) if (job.out / name).exists()]
    if there and not job.overwrite:
        reason = 'it exists, and is not what this command would write'
        fix = 'Name another folder, or replace it with --overwrite'
        raise VolumeError(there[0], reason, fix)
    return False


def _segment(study: Study, job: SegmentationJob, source: str, on_slices: Callable) -> dict:
    if 'dicom_seg' in job.kinds and study.nifti:
        reason = 'a DICOM Segmentation refers to a DICOM series, and this is a NIfTI file'
        raise VolumeError('the study', reason, 'Leave out --dicom-seg')
    inferencer = load_inferencer(**job.model)
    clock = [time.perf_counter()]
    volume = study.load(job.assume_hu)
    clock.append(time.perf_counter())
    options = dict(tidy_up=job.tidy_up, on_slices=on_slices, heatmaps='preview' in job.kinds)
    options |= dict(probability='probability' in job.kinds, batch_size=job.batch_size)
    [found] = inferencer(volume, return_datasamples=True, **options)['predictions']
    clock.append(time.perf_counter())
    files = _pack(study, job, volume, found)
    clock.append(time.perf_counter())
    record = {
        'study': study.name,
        'source': source,
        'model': job.identity,
        'shape': list(volume.voxels.shape),
        'spacing_mm': [round(size, 4) for size in volume.spacing],
        'orientation': volume.orientation,
        'classes': found.describe(inferencer.model.dataset_meta['classes']),
        'boxes': found.box_edges(),
        'tidy_up': asdict(job.tidy_up),
        'assume_hu': job.assume_hu,
        'notes': list(volume.notes),
        'seconds': dict(zip(('read', 'predict', 'pack'), np.diff(clock).round(2), strict=True)),
        'notice': 'Not a medical device.',
    }
    _write(study, job, files, record)
    return record


def _pack(
    study: Study, job: SegmentationJob, volume: Volume, found: VolumePrediction
) -> dict[str, bytes]:
    """Content of every file but the record: all of it before any is written."""
    inferencer = load_inferencer(**job.model)
    classes = inferencer.model.dataset_meta['classes'][1:]
    content = [pack_nifti(found.mask, study.nifti)]
    if 'dicom_seg' in job.kinds:
        name = job.identity['name']
        content.append(pack_dicom_seg(found.mask, study.headers(), classes, name))
    if 'probability' in job.kinds:
        content.append(pack_nifti(found.probability, study.nifti, scale=1 / 255))
    if 'preview' in job.kinds:
        from ..visualization.study import study_montage, study_page

        drawn = found.drawn(volume, inferencer.grey_window)
        x, y, z = volume.oriented(ORIENTATION).spacing
        about = dict(heatmaps=found.heatmaps, title=study.name, classes=classes)
        content += study_montage(*drawn), study_page(*drawn, (y, x, z), **about)
    return dict(zip(job.names(study, job.kinds), content, strict=True))


def _write(study: Study, job: SegmentationJob, files: dict[str, bytes], record: dict) -> None:
    """Write all files, and the record last.

    Raises:
        VolumeError: If one cannot be written; then none of them stays.
    """
    text = (json.dumps(dict(record, files=sorted(files)), indent=2) + '\n').encode()
    last = f'{study.name}.json'
    # The record first: a run that is killed here leaves nothing that counts as done. Then what
    # --overwrite replaces by nothing, which would pass for this model's.
    gone = [last, *(set(job.names(study, KINDS)) - set(files) if job.overwrite else ())]
    written = []
    try:
        for name in gone:
            (job.out / name).unlink(missing_ok=True)
        for name, content in {**files, last: text}.items():
            written.append(write_atomic(job.out / name, content))
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        reason = f'its outputs cannot be written ({os.strerror(error.errno or 0)})'
        fix = 'Free space, or name a folder that can be written to'
        raise VolumeError('the study', reason, fix) from error
