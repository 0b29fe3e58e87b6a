"""A mask as a DICOM Segmentation that refers to the series it was made from."""

import io
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pydicom

from ..version import __version__
from ..volumes import SliceHeader, Volume, VolumeError
from ..volumes.dicom_file import read_dicom, silent
from ..volumes.stack import stack_heights

MISSING = "a DICOM Segmentation needs highdicom. Install it: pip install 'lsnet_mm[dicom-seg]'"
#: SNOMED CT's names of organs by ours; others are an 'organ', and their label says which.
ORGANS = {'pancreas', 'liver', 'spleen', 'kidney', 'stomach', 'gallbladder', 'aorta', 'duodenum'}

#: What a Segmentation takes over from its series: the same in all slices, and never empty.
REQUIRED = ('StudyInstanceUID', 'SeriesInstanceUID', 'FrameOfReferenceUID', 'SOPClassUID')
#: Likewise, but the standard allows it to be empty where it is not known.
MAY_BE_EMPTY = ('PatientID', 'PatientName', 'PatientBirthDate', 'PatientSex')
MAY_BE_EMPTY += ('AccessionNumber', 'StudyID', 'StudyDate', 'StudyTime', 'ReferringPhysicianName')


@silent()
def check_dicom_seg(headers: Sequence[SliceHeader], classes: Sequence[str], model: str) -> None:
    """Find out whether a DICOM Segmentation can refer to a series, before there is a mask.

    Args:
        headers: Of the series, in order.
        classes: Names of the labels from 1 on.
        model: Name of the model.

    Raises:
        VolumeError: If not; it names the element.
    """
    sources, seen, enhanced = _read_sources(headers), {}, headers[0].frame is not None
    if enhanced and len(sources) > 1:
        reason = 'a DICOM Segmentation cannot refer to several enhanced files'
        raise VolumeError(headers[0].name, reason, 'Leave out --dicom-seg')
    for header, source in zip(headers, sources, strict=False):  # of frames there is one source
        for keyword in (*REQUIRED, 'SOPInstanceUID'):
            if not source.get(keyword):
                raise _refusal(header, keyword, 'is missing or empty')
        for keyword in REQUIRED:
            if source[keyword].value != sources[0][keyword].value:
                raise _refusal(header, keyword, 'is not that of the other slices')
        other = seen.setdefault(source.SOPInstanceUID, header)
        if other is not header:
            raise _refusal(header, 'SOPInstanceUID', f'is also that of {other.name}')
    # The rest is for highdicom to say, but it does so without the name of the element.
    ends = sources[:: max(len(sources) - 1, 1)]
    mask = np.zeros((len(headers) if enhanced else 2, *headers[0].shape), np.uint8)
    mask[:: len(mask) - 1] = 1
    try:
        _segmentation(mask, ends, classes, model)
        return
    except Exception as error:
        keyword, cause = getattr(error, 'name', None), error
    for one in MAY_BE_EMPTY:  # one after the other, until nothing is wrong any more
        for source in ends:
            setattr(source, one, '')
        with suppress(Exception):
            _segmentation(mask, ends, classes, model)
            keyword = one
            break
    raise _refusal(headers[0], keyword or 'header', 'is not what the standard allows') from cause


@silent()
def pack_dicom_seg(
    mask: Volume, headers: Sequence[SliceHeader], classes: Sequence[str], model: str
) -> bytes:
    """One segment a class, frames of empty slices left out.

    Patient and study are copied from the series: the standard requires it.

    Args:
        mask: uint8, slice ``[:, :, k]`` belonging to ``headers[k]``.
        headers: Of the series, in order.
        classes: Names of the labels from 1 on.
        model: Name of the model, for who reads it.

    Returns:
        bytes: Content of a ``.dcm`` file.

    Raises:
        VolumeError: If the series lacks what the standard requires; see :func:`check_dicom_seg`.
    """
    try:
        frames = np.ascontiguousarray(mask.voxels.T)
        if headers[0].frame is not None:  # a segment's frames go by those of the file
            frames = frames[np.argsort([header.frame for header in headers])]
        return _segmentation(frames, _read_sources(headers), classes, model)
    except Exception as error:  # its text may quote the header
        reason = f'a DICOM Segmentation cannot refer to it ({type(error).__name__})'
        fix = 'Leave out --dicom-seg, or complete the headers of the series'
        raise VolumeError(f'a series of {len(headers)} files', reason, fix) from error


def _segmentation(
    frames: np.ndarray, sources: Sequence[pydicom.Dataset], classes: Sequence[str], model: str
) -> bytes:
    import highdicom as hd

    described = [_describe(k, name, model) for k, name in enumerate(classes, start=1)]
    segmentation = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=frames,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=hd.UID(),
        series_number=900,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer='lsnet_mm',
        manufacturer_model_name=model,
        software_versions=__version__,
        device_serial_number='0',
        content_label='SEGMENTATION',
        content_description='Automatic segmentation, not for clinical use',
        series_description='Automatic segmentation',
    )
    buffer = io.BytesIO()
    segmentation.save_as(buffer)
    return buffer.getvalue()


def _read_sources(headers: Sequence[SliceHeader]) -> list[pydicom.Dataset]:
    """The headers as highdicom takes them: what may be empty is there."""
    step = np.median(np.diff(stack_heights(headers)))
    sources = [read_dicom(path) for path in dict.fromkeys(header.path for header in headers)]
    for source in sources:
        # It is empty in many series, and readers of the result ask for it: slices touch, then.
        if headers[0].frame is None and not source.get('SliceThickness'):
            source.SliceThickness = f'{step:.6f}'
        for keyword in MAY_BE_EMPTY:
            if keyword not in source:
                setattr(source, keyword, '')
    return sources


def _refusal(header: SliceHeader, keyword: str, reason: str) -> VolumeError:
    fix = 'Correct the headers of the series, or leave out --dicom-seg'
    reason = f'its {keyword} {reason}, and a DICOM Segmentation refers to it'
    return VolumeError(header.name, reason, fix)


def _describe(number: int, name: str, model: str):
    import highdicom as hd
    from pydicom.sr.codedict import codes

    organ = name.lower() if name.lower() in ORGANS else name.lower().removesuffix('s')
    kind = getattr(codes.SCT, organ.capitalize()) if organ in ORGANS else codes.SCT.Organ
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=model, version=__version__, family=codes.DCM.ArtificialIntelligence
        ),
    )
