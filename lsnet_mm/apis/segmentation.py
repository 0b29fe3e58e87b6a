"""From a study as it was found to its outputs: whole, or not there at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import torch

from ..volumes import ORIENTATION, Volume, VolumeError, pack_nifti
from .dicom_seg import pack_dicom_seg
from .job import Outputs, SegmentationJob
from .preview import draw_preview
from .study import NiftiStudy, Study
from .volume_prediction import VolumePrediction
from .volume_predictor import grey_window


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
        outputs = Outputs(study, job)
        if outputs.is_done(study.fingerprint()):
            return about | {'skipped': True}
        return about | {'record': _segment(outputs, on_slices)}
    except VolumeError as error:
        message = str(error)
    except OSError as error:
        message = f'a file cannot be read ({os.strerror(error.errno or 0)}). Check its permissions.'
    except (MemoryError, torch.OutOfMemoryError):
        message = 'there is not enough memory. Use fewer --workers or a smaller --batch-size.'
    except Exception as error:  # one strange study must not stop the others
        message = f'an unexpected {type(error).__name__}. Please report it.'
        if job.compile:
            message += ' Without --compile it may work.'
    return about | {'error': message}


def _segment(outputs: Outputs, on_slices: Callable) -> dict:
    study, job = outputs.study, outputs.job
    if job.dicom_seg and not study.headers:
        reason = 'a DICOM Segmentation refers to a DICOM series, and this is a NIfTI file'
        raise VolumeError('the study', reason, 'Leave out --dicom-seg')
    if job.threads:
        torch.set_num_threads(job.threads)
    started = time.perf_counter()
    fingerprint = study.fingerprint()
    volume = study.load()
    loaded = time.perf_counter()
    inferencer = job.inferencer()
    begun = time.perf_counter()
    options = dict(tidy_up=job.tidy_up, probability=job.probability, heatmaps=job.preview)
    results = inferencer(volume, True, job.batch_size, on_slices=on_slices, **options)
    [found] = results['predictions']
    predicted = time.perf_counter()
    classes = inferencer.model.dataset_meta['classes'][1:]
    files = _pack(outputs, volume, found, classes, grey_window(inferencer.pipeline))
    record = {
        'study': study.name,
        'source': fingerprint,
        'model': job.model,
        'shape': list(volume.voxels.shape),
        'spacing_mm': [round(size, 4) for size in volume.spacing],
        'orientation': volume.orientation,
        'classes': _describe_classes(found, classes),
        'boxes': found.box_edges(),
        'tidy_up': asdict(job.tidy_up),
        'seconds': {
            'read': round(loaded - started, 2),
            'predict': round(predicted - begun, 2),
            'pack': round(time.perf_counter() - predicted, 2),
        },
        'notice': 'Not a medical device.',
    }
    outputs.write(files, record)
    return record


def _pack(
    outputs: Outputs, volume: Volume, found: VolumePrediction, classes: Sequence[str], window
) -> dict[str, bytes]:
    """Content of every file but the record: all of it before any is written."""
    study, job = outputs.study, outputs.job
    like = study.path if isinstance(study, NiftiStudy) else None
    files = {outputs.mask: pack_nifti(found.mask, like)}
    if job.dicom_seg:
        model = job.model['name']
        files[outputs.dicom_seg] = pack_dicom_seg(found.mask, study.headers, classes, model)
    if job.probability:
        files[outputs.probability] = pack_nifti(found.probability, like, scale=1 / 255)
    if job.preview:
        pictures = draw_preview(volume, found, window, study.name, classes)
        files.update(zip((outputs.montage, outputs.page), pictures, strict=True))
    return files


def _describe_classes(found: VolumePrediction, classes: Sequence[str]) -> dict:
    described = {}
    volumes = found.volumes_ml(('background', *classes))
    slices = found.mask.oriented(ORIENTATION).voxels
    for label, name in enumerate(classes, start=1):
        held = [bool(np.any(slices[..., k] == label)) for k in range(slices.shape[2])]
        described[name] = {'label': label, 'volume_ml': volumes[name], 'slices': sum(held)}
    return described
