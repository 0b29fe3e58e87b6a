"""A mask as a DICOM Segmentation that refers to the series it was made from."""

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec

import numpy as np
import pydicom
from mmengine.utils import digit_version

from ..version import __version__
from ..volumes import SliceHeader, Volume, VolumeError
from ..volumes.dicom_file import read_dicom, silent
from ..volumes.stack import stack_step

MISSING = "a DICOM Segmentation needs highdicom. Install it: pip install 'lsnet_mm[dicom-seg]'"
#: The first that writes text of every alphabet; label maps came with 0.26.
HIGHDICOM = '0.28'
#: What to do where a series cannot have one.
LEAVE_OUT = 'leave out --dicom-seg and --dicom-labelmap'
NOTICE = 'Research use, not a medical device'
#: Kinds of output that are DICOM Segmentations, and their SegmentationType.
SEGMENTATION_TYPES = {'dicom_seg': 'BINARY', 'dicom_labelmap': 'LABELMAP'}
#: SNOMED CT's names of organs by ours; others are an 'organ', and their label says which.
ORGANS = {'pancreas', 'liver', 'spleen', 'kidney', 'stomach', 'gallbladder', 'aorta', 'duodenum'}

#: What a Segmentation takes over from its series: the same in all slices, and never empty.
REQUIRED = ('StudyInstanceUID', 'SeriesInstanceUID', 'FrameOfReferenceUID', 'SOPClassUID')
#: Likewise, but the standard allows it to be empty where it is not known.
MAY_BE_EMPTY = ('PatientID', 'PatientName', 'PatientBirthDate', 'PatientSex')
MAY_BE_EMPTY += ('AccessionNumber', 'StudyID', 'StudyDate', 'StudyTime', 'ReferringPhysicianName')


def check_installed() -> None:
    """Find out whether a DICOM Segmentation can be written here, before any study is looked at.

    Raises:
        ValueError: If highdicom is missing or too old.
    """
    if find_spec('highdicom') is None:
        raise ValueError(MISSING)
    import highdicom as hd

    if digit_version(hd.__version__) < digit_version(HIGHDICOM):
        raise ValueError(
            f'a DICOM Segmentation needs highdicom {HIGHDICOM} or newer, and this is '
            f"{hd.__version__}. Upgrade it: pip install --upgrade 'highdicom>={HIGHDICOM}'"
        )


@silent()
def check_dicom_seg(
    headers: Sequence[SliceHeader], classes: Sequence[str], model: Mapping[str, object]
) -> None:
    """Find out whether a DICOM Segmentation can refer to a series, before there is a mask.

    Args:
        headers: Of the series, in order.
        classes: Names of the labels from 1 on.
        model: Its identity, see :func:`pack_dicom_seg`.

    Raises:
        VolumeError: If not; it names the element.
    """
    sources, seen, enhanced = _read_sources(headers), {}, headers[0].frame is not None
    if enhanced and len(sources) > 1:
        reason = 'a DICOM Segmentation cannot refer to several enhanced files'
        raise VolumeError(headers[0].name, reason, LEAVE_OUT.capitalize())
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
    mask = np.zeros((len(headers) if enhanced else len(ends), *headers[0].shape), np.uint8)
    mask[:: max(len(mask) - 1, 1)] = 1
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
    mask: Volume,
    headers: Sequence[SliceHeader],
    classes: Sequence[str],
    model: Mapping[str, object],
    kind: str = 'dicom_seg',
    cautions: Sequence[str] = (),
) -> bytes:
    """One segment a class, frames of empty slices left out.

    Patient and study are copied from the series: the standard requires it.

    Args:
        mask: uint8, slice ``[:, :, k]`` belonging to ``headers[k]``.
        headers: Of the series, in order.
        classes: Names of the labels from 1 on.
        model: Its identity, from :func:`.model.model_identity`: ``name`` and
            ``checkpoint_sha256``, whose first half tells it from others of the name.
        kind: Of :data:`SEGMENTATION_TYPES`.
        cautions: Of this study, for who has the file alone.

    Returns:
        bytes: Content of a ``.dcm`` file.

    Raises:
        VolumeError: If the series lacks what the standard requires; see :func:`check_dicom_seg`.
    """
    try:
        frames = np.ascontiguousarray(mask.voxels.T)
        if headers[0].frame is not None:  # a segment's frames go by those of the file
            frames = frames[np.argsort([header.frame for header in headers])]
        about = dict(kind=kind, cautions=cautions)
        return _segmentation(frames, _read_sources(headers), classes, model, **about)
    except Exception as error:  # its text may quote the header
        reason = f'a DICOM Segmentation cannot refer to it ({type(error).__name__})'
        fix = f'Complete the headers of the series, or {LEAVE_OUT}'
        raise VolumeError(f'a series of {len(headers)} files', reason, fix) from error


def _segmentation(
    frames: np.ndarray,
    sources: Sequence[pydicom.Dataset],
    classes: Sequence[str],
    model: Mapping[str, object],
    kind: str = 'dicom_seg',
    cautions: Sequence[str] = (),
) -> bytes:
    import highdicom as hd

    program, weights = f'lsnet_mm {__version__}', model['checkpoint_sha256'][:32]
    about = ' '.join(f'{one.rstrip(".")}.' for one in (NOTICE, *cautions))
    described = [_describe(k, name, model, about) for k, name in enumerate(classes, start=1)]
    segmentation = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=frames,
        segmentation_type=SEGMENTATION_TYPES[kind],
        segment_descriptions=described,
        series_instance_uid=hd.UID(),
        series_number=900 + [*SEGMENTATION_TYPES].index(kind),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer='lsnet_mm',
        manufacturer_model_name=_short(model['name']),
        software_versions=(program, f'weights {weights}'),
        device_serial_number=weights,
        content_label='SEGMENTATION',
        content_description=NOTICE,
        series_description='Automatic segmentation, research use',
        specific_character_set='ISO_IR 192',  # highdicom does not know all that series have
    )
    buffer = io.BytesIO()
    segmentation.save_as(buffer)
    return buffer.getvalue()


def _read_sources(headers: Sequence[SliceHeader]) -> list[pydicom.Dataset]:
    """The headers as highdicom takes them: what may be empty is there."""
    step = stack_step(headers)
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
    fix = f'Correct the headers of the series, or {LEAVE_OUT}'
    reason = f'its {keyword} {reason}, and a DICOM Segmentation refers to it'
    return VolumeError(header.name, reason, fix)


def _describe(number: int, name: str, model: Mapping[str, object], about: str):
    import highdicom as hd
    from pydicom.sr.codedict import codes

    organ = name.lower() if name.lower() in ORGANS else name.lower().removesuffix('s')
    kind = getattr(codes.SCT, organ.capitalize()) if organ in ORGANS else codes.SCT.Organ
    described = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=_short(name),
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=_short(model['name']),
            version=model['checkpoint_sha256'][:32],
            family=codes.DCM.ArtificialIntelligence,
            source=f'lsnet_mm {__version__}',
            parameters={key: str(value) for key, value in model.items()},
        ),
    )
    described.SegmentDescription = about[:1024]  # as much as the standard allows
    return described


def _short(text: str) -> str:
    """What the standard allows in a name: 64 characters, and no backslash, which would part it."""
    return text.replace('\\', '/')[:64]
