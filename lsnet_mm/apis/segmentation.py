"""From a study as it was found to its outputs: whole, or not there at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

import numpy as np
import torch

from ..utils.files import read_json, why, write_files
from ..utils.memory import keep_memory
from ..volumes import READING, MissingSlices, Volume, VolumeError, pack_nifti, pack_picture
from .dicom_seg import LEAVE_OUT, SEGMENTATION_TYPES, check_dicom_seg, pack_dicom_seg
from .job import SegmentationJob
from .lsnet_inferencer import LSNetInferencer
from .names import KINDS, RECORD, begun, lock_outputs, started
from .picture_outputs import check_pictures, stale_names
from .study import Study
from .volume_predictor import VolumePrediction

#: Of :data:`KINDS`, those that need a straight grid.
GRIDS = ('mask', 'probability')


@lru_cache(maxsize=2)  # of pictures and of scans
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
        ``error``, a message; with a ``record`` beside it, it is about a file that is not there, and
        with ``refused`` about the study, which no other machine would take either.
    """
    about = {'name': study.name, 'place': study.place}
    try:
        source = {'source': study.fingerprint(), 'scan': study.identity()}
        if _is_done(study, job, source):
            kept = read_json(job.out / f'{study.name}{RECORD}')
            missing = kept.get('incomplete')
            said = {'error': missing} if isinstance(missing, str) else {}
            return about | {'skipped': True, 'kept': kept} | said
        return about | _segment(study, job, source, on_slices)
    except VolumeError as error:
        return about | {'error': str(error), 'refused': True}
    except OSError as error:
        message = f'a file cannot be read ({why(error)}). Check its permissions.'
    except (MemoryError, torch.cuda.OutOfMemoryError):
        message = 'there is not enough memory. Use fewer --workers or a smaller --batch-size.'
    except Exception as error:  # one strange study must not stop the others
        message = f'an unexpected {type(error).__name__}. Please report it.'
        if job.model.get('compile'):
            message += ' Without --compile it may work.'
    return about | {'error': message}


def _is_done(study: Study, job: SegmentationJob, source: dict[str, str]) -> bool:
    """Whether all is there, of this study, this model and this tidying-up.

    Raises:
        VolumeError: If something is there that is not, and may not be replaced.
    """
    wanted, record = job.names(study, job.kinds), job.out / f'{study.name}{RECORD}'
    there = [name for name in (*wanted, record.name) if os.path.lexists(job.out / name)]
    if not there:
        return False
    kept = read_json(record)
    # Of a study that was killed while it was written there is no record.
    scan = kept.get('scan') if record.name in there else started(job.out).get(study.name)
    if scan != source['scan']:
        reason, fix = 'it exists, and is not of this study', 'Start again, or name another folder'
        raise VolumeError(there[0], reason, fix)
    made = source | job.made(study)
    same = made.items() <= kept.items()
    listed, left_out = (_names_in(kept, key) for key in ('files', 'left_out'))
    wanted = [name for name in wanted if name not in left_out]
    # A file that it does not name is of an earlier run, perhaps of another model.
    if same and not wanted:
        return False  # it has no place in NIfTI, and that will be said
    if same and all(name in listed and (job.out / name).is_file() for name in wanted):
        return True
    # What could not be made is tried again, and what else is asked for is made, with all that was:
    # no file is lost by it.
    made_or_not = {*listed, *_names_in(kept, 'failed')}
    again = same and made_or_not <= {*wanted} and {*there} <= {*listed, record.name}
    if kept and not job.overwrite and not again:
        reason = 'it exists, and is not what this command would write'
        fix = 'Name another folder, or replace it with --overwrite'
        raise VolumeError(there[0], reason, fix)
    return False


def _names_in(record: dict, key: str) -> list[str]:
    """A list of a record; empty if there is none, or if it was damaged by hand."""
    names = record.get(key)
    return list(map(str, names)) if isinstance(names, list) else []


def _segment(
    study: Study, job: SegmentationJob, source: dict[str, str], on_slices: Callable
) -> dict:
    inferencer = load_inferencer(**job.model_for(study))
    classes = inferencer.model.dataset_meta['classes']
    clock = [time.perf_counter()]
    if study.pictures:
        check_pictures(job.kinds, job.tidy_up)
    if SEGMENTATION_TYPES.keys() & job.kinds:
        _check_dicom_seg(study, job, classes[1:])
    volume = _load(study, job)
    kinds = _possible_kinds(job.kinds, volume)
    gap = volume.irregular if isinstance(volume.irregular, MissingSlices) else None
    clock.append(time.perf_counter())
    options = dict(tidy_up=job.tidy_up, on_slices=on_slices, heatmaps='preview' in job.kinds)
    options |= dict(probability='probability' in job.kinds, batch_size=job.batch_size)
    [found] = inferencer(volume, return_datasamples=True, **options)['predictions']
    clock.append(time.perf_counter())
    judged = {'cautions': list(found.cautions), 'confidence': found.confidence}
    files, failed = {}, {}
    for kind in kinds:
        try:
            parts = _pack(kind, study, job, volume, found, judged)
            files.update(zip(job.names(study, [kind]), parts, strict=True))
        except Exception as error:  # what may be written beside a mask must not cost the mask
            if kind == kinds[0]:
                raise
            names = job.names(study, [kind])
            text = str(error) if isinstance(error, VolumeError) else f'{type(error).__name__}.'
            error = f'{names[0]} cannot be made: {text} The mask is kept.'
            failed |= dict.fromkeys(names, error)
    clock.append(time.perf_counter())
    record = {
        'study': study.name,
        **source,
        **job.made(study),
        'shape': list(volume.voxels.shape),
        'spacing_mm': None if volume.picture else [round(mm, 4) for mm in volume.spacing],
        'left_out': job.names(study, GRIDS if volume.irregular else ()),
        'orientation': None if volume.picture else volume.orientation,
        'classes': found.describe(classes),
        'boxes': found.box_edges(),
        'assume_hu': job.assume_hu,
        'notes': list(volume.notes),
        **judged,
        'failed': sorted(failed),
        'incomplete': str(gap) if gap else None,
        'beside': dict(study.beside),
        'series': study.choice,
        'seconds': dict(zip(('read', 'predict', 'pack'), np.diff(clock).round(2), strict=True)),
        'notice': 'Not a medical device.',
        'files': sorted(files),
    }
    said = {'record': record} if _write(study, job, files, record) else {'skipped': True}
    # One a kind, which may be several files; of another command's it has the record.
    errors = list(dict.fromkeys(failed.values())) if 'record' in said else []
    if record['incomplete']:
        errors.append(record['incomplete'])
    return said | ({'error': ' '.join(errors)} if errors else {})


def _possible_kinds(kinds: Collection[str], volume: Volume) -> list[str]:
    """What can be written of a volume out of what was asked for, the mask first.

    Raises:
        VolumeError: If it has no straight grid, and nothing was asked for that needs none.
    """
    irregular, kinds = volume.irregular, [kind for kind in KINDS if kind in kinds]
    if not irregular:
        return kinds
    if not SEGMENTATION_TYPES.keys() & kinds:
        fix = f'{irregular.fix}, or segment it slice by slice with --dicom-seg'
        raise VolumeError(irregular.where, f'{irregular.reason}: NIfTI cannot hold it', fix)
    return [kind for kind in kinds if kind not in GRIDS]


def _check_dicom_seg(study: Study, job: SegmentationJob, classes: Sequence[str]) -> None:
    if study.nifti:
        reason = 'a DICOM Segmentation refers to a DICOM series, and this is a NIfTI file'
        raise VolumeError('the study', reason, LEAVE_OUT.capitalize())
    check_dicom_seg(study.headers(), classes, job.identity)


def _load(study: Study, job: SegmentationJob) -> Volume:
    try:
        return study.load(job.assume_hu, job.window, job.spine)
    except (VolumeError, OSError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a decoder's panic is no Exception
        reason = f'it is damaged in a way that no check knows ({type(error).__name__})'
        raise VolumeError('the study', reason, 'Export it again, or leave it out') from error


def _pack(
    kind: str,
    study: Study,
    job: SegmentationJob,
    volume: Volume,
    found: VolumePrediction,
    judged: dict,
) -> Sequence[bytes]:
    """Content of the files of a kind; ``judged`` are cautions and confidence."""
    inferencer = load_inferencer(**job.model_for(study))
    classes = inferencer.model.dataset_meta['classes'][1:]
    if study.pictures and kind != 'preview':
        grey = found.mask if kind == 'mask' else found.probability
        return [pack_picture(one) for one in grey.voxels.T]
    if kind == 'mask':
        return [pack_nifti(found.mask, study.nifti)]
    if kind in SEGMENTATION_TYPES:
        flag = judged['confidence'] or {'flagged': False}
        doubts = ['Flagged: look at it.', *flag['reasons']] if flag['flagged'] else []
        about = (job.identity, kind, [*doubts, *judged['cautions']])
        return [pack_dicom_seg(found.mask, study.headers(), classes, *about)]
    if kind == 'probability':
        return [pack_nifti(found.probability, study.nifti, scale=1 / 255)]
    from ..visualization.study import study_montage, study_page

    window = inferencer.grey_window
    *drawn, heatmaps = found.drawn(volume)
    if study.pictures:  # the page measures in millimetres
        return [study_montage(*drawn, window)]
    slices = volume.oriented(READING)
    x, y, z = slices.spacing
    options = dict(heatmaps=heatmaps, title=study.name, classes=classes)
    options['thickness'] = 1000 * slices.voxel_ml / (x * y)
    along = ' (comes along)' if 'comes_along' in job.identity else ''
    about = {'model': job.identity['name'] + along, 'version': job.identity['lsnet_mm']}
    options['about'] = {**about, **judged, 'notes': list(volume.notes)}
    page = study_page(*drawn, (y, x, z), **options, window=window)
    return study_montage(*drawn, window), page


def _write(study: Study, job: SegmentationJob, files: dict[str, bytes], record: dict) -> bool:
    """Write all files, and the record last.

    Returns:
        bool: Whether it was written; not if another command has done the same meanwhile.

    Raises:
        VolumeError: If one cannot be written, or another command has written something else; then
            all is as it was.
    """
    text = (json.dumps(record, indent=2) + '\n').encode()
    last = f'{study.name}{RECORD}'
    known = {*job.names(study, KINDS)}
    try:
        with lock_outputs(job.out):
            if _is_done(study, job, {key: record[key] for key in ('source', 'scan')}):
                return False
            known.update(stale_names(study, _names_in(read_json(job.out / last), 'files')))
            # The record first: a run that is killed here leaves nothing that counts as done. Then
            # what is replaced by nothing, which would pass for this model's.
            gone = [last, *sorted(known - {*files})]
            with begun(study, record['scan'], job.out):
                write_files(job.out, {**files, last: text}, gone)
            return True
    except OSError as error:
        reason = f'its outputs cannot be written ({why(error)})'
        fix = 'Free space, or name a folder that can be written to'
        raise VolumeError('the study', reason, fix) from error
