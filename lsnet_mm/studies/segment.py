"""From a study as it was found to its outputs: whole, or not there at all."""

import os
import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch

from ..allocator import keep_memory
from ..apis import VolumePrediction, VolumePredictor, load_model, slice_pipeline
from ..apis.slice_pipeline import grey_window
from ..volumes import ORIENTATION, Volume, VolumeError, pack_nifti
from .dicom_seg import pack_dicom_seg
from .job import Job
from .model_spec import ModelSpec
from .outputs import Outputs, describe
from .preview import draw_preview
from .study import NiftiStudy, Study


@lru_cache(maxsize=1)
def predictor(spec: ModelSpec) -> VolumePredictor:
    """The model, loaded once in a process, whose memory is then kept for its activations."""
    keep_memory()
    model = load_model(
        spec.config, spec.checkpoint, spec.device, spec.unsafe_checkpoint, spec.compile
    )
    return VolumePredictor(model, slice_pipeline(model.cfg), spec.batch_size, spec.dtype)


def segment_study(
    study: Study, job: Job, on_slices: Callable[[int, int], None] = lambda done, total: None
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
        return about | {'record': _segment(study, job, outputs, on_slices)}
    except VolumeError as error:
        message = str(error)
    except OSError as error:
        message = f'a file cannot be read ({os.strerror(error.errno or 0)}). Check its permissions.'
    except (MemoryError, torch.OutOfMemoryError):
        message = 'there is not enough memory. Use fewer --workers or a smaller --batch-size.'
    except Exception as error:  # one strange study must not stop the others
        message = f'an unexpected {type(error).__name__}. Please report it.'
        if job.spec.compile:
            message += ' Without --compile it may work.'
    return about | {'error': message}


def _segment(study: Study, job: Job, outputs: Outputs, on_slices: Callable) -> dict:
    if job.dicom_seg and not study.headers:
        reason = 'a DICOM Segmentation refers to a DICOM series, and this is a NIfTI file'
        raise VolumeError('the study', reason, 'Leave out --dicom-seg')
    if job.threads:
        torch.set_num_threads(job.threads)
    started = time.perf_counter()
    fingerprint = study.fingerprint()
    volume = study.load()
    loaded = time.perf_counter()
    predict = predictor(job.spec)
    begun = time.perf_counter()
    found = predict(volume, job.probability, heatmaps=job.preview, on_slices=on_slices)
    predicted = time.perf_counter()
    tidied = found.with_mask(job.tidy_up(found.mask))
    classes = predict.model.dataset_meta['classes'][1:]
    window = grey_window(predict.pipeline)
    files = _pack(study, job, outputs, volume, tidied, classes, window)
    record = {
        'study': study.name,
        'source': fingerprint,
        'model': job.model,
        'shape': list(volume.voxels.shape),
        'spacing_mm': [round(size, 4) for size in volume.spacing],
        'orientation': volume.orientation,
        'classes': _describe_classes(tidied, classes),
        'boxes': tidied.box_edges(),
        'tidy_up': describe(job),
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
    study: Study,
    job: Job,
    outputs: Outputs,
    volume: Volume,
    found: VolumePrediction,
    classes: tuple[str, ...],
    window: tuple[float, float],
) -> dict[str, bytes]:
    """Content of every file but the record: all of it before any is written."""
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


def _describe_classes(found: VolumePrediction, classes: tuple[str, ...]) -> dict:
    described = {}
    volumes = found.volumes_ml(('background', *classes))
    slices = found.mask.oriented(ORIENTATION).voxels
    for label, name in enumerate(classes, start=1):
        held = [bool(np.any(slices[..., k] == label)) for k in range(slices.shape[2])]
        described[name] = {'label': label, 'volume_ml': volumes[name], 'slices': sum(held)}
    return described
