"""Frames of an enhanced multi-frame CT, by highdicom: each is a slice."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pydicom
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from .dicom_file import number, numbers, quiet, text
from .header import SliceHeader
from .volume import RELOAD, VolumeError

MISSING = "Install what reads it: pip install 'lsnet_mm[dicom-seg]'"


def split_frames(header: SliceHeader) -> list[SliceHeader]:
    """Headers of the frames of a file; one of a single slice is its own.

    Raises:
        VolumeError: If the file is damaged, or highdicom is not installed.
    """
    if not header.enhanced:
        return [header]
    try:
        # highdicom writes paths and tracebacks of what it cannot read to stderr by itself.
        with quiet(), redirect_stderr(io.StringIO()):
            _check_length(header)
            image = frame_opener()(header.path)
            groups = image.PerFrameFunctionalGroupsSequence
            if len(groups) != header.frames:
                raise ValueError('as many groups as frames')
            return [_frame(header, image, k) for k in range(header.frames)]
    except (VolumeError, KeyboardInterrupt, MemoryError):
        raise
    except ImportError as error:
        raise VolumeError(header.name, 'it is an enhanced multi-frame CT', MISSING) from error
    except BaseException as error:  # of highdicom or pydicom, whatever broken bytes lead to
        reason = 'its functional groups or its frames are damaged'
        raise VolumeError(header.name, reason, RELOAD) from error


def frame_opener() -> Callable:
    """A function that opens a file as a :class:`highdicom.Image`, and no file twice in a row.

    Frames are read from the disk one by one.
    """

    @lru_cache(maxsize=1)
    def opened(path: Path):
        import highdicom

        return highdicom.imread(path, lazy_frame_retrieval=True)

    return opened


def _frame(header: SliceHeader, image: pydicom.Dataset, k: int) -> SliceHeader:
    def group(name: str) -> pydicom.Dataset:
        frame = image.PerFrameFunctionalGroupsSequence[k]
        shared = image.get('SharedFunctionalGroupsSequence') or [pydicom.Dataset()]
        [found] = frame.get(name) or shared[0].get(name) or [pydicom.Dataset()]
        return found

    scale = group('PixelValueTransformationSequence')
    return replace(
        header,
        instance=k,
        position=numbers(group('PlanePositionSequence'), 'ImagePositionPatient', 3),
        orientation=numbers(group('PlaneOrientationSequence'), 'ImageOrientationPatient', 6),
        spacing=numbers(group('PixelMeasuresSequence'), 'PixelSpacing', 2),
        thickness=number(group('PixelMeasuresSequence'), 'SliceThickness'),
        slope=number(scale, 'RescaleSlope'),
        intercept=number(scale, 'RescaleIntercept'),
        unit=text(scale, 'RescaleType'),
        frames=1,
        frame=k,
    )


def _check_length(header: SliceHeader) -> None:
    """Frames lie one after another: over a wrong size all but the first would be shifted."""
    if read_file_meta_info(header.path).TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
        reason = 'it is an enhanced multi-frame CT, deflated'
        raise VolumeError(header.name, reason, 'Export it uncompressed, or as JPEG 2000')
    if header.compressed:  # each says its own size, and is asked when it is read
        return
    data = pydicom.dcmread(header.path, defer_size=1024)
    element = data.get_item('PixelData', keep_deferred=True)
    expected = header.shape[0] * header.shape[1] * (header.bits[0] or 0) // 8 * header.frames
    if element is None or element.length not in (expected, expected + 1):
        found = 'no' if element is None else element.length
        reason = f'its pixel data have {found} bytes, by its frames, Rows and Columns {expected}'
        raise VolumeError(header.name, reason, RELOAD)
