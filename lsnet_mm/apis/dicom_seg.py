"""A mask as a DICOM Segmentation that refers to the series it was made from."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom

from ..version import __version__
from ..volumes import SliceHeader, Volume, VolumeError

MISSING = "a DICOM Segmentation needs highdicom. Install it: pip install 'lsnet_mm[dicom-seg]'"
#: SNOMED CT's names of organs by ours; others are an 'organ', and their label says which.
ORGANS = {'pancreas', 'liver', 'spleen', 'kidney', 'stomach', 'gallbladder', 'aorta', 'duodenum'}


def pack_dicom_seg(
    mask: Volume, headers: list[SliceHeader], classes: Sequence[str], model: str
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
        VolumeError: If the series lacks what the standard requires.
    """
    import highdicom as hd

    described = [_describe(k, name, model) for k, name in enumerate(classes, start=1)]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # they quote values of the header
        sources = [_read_source(header.path, mask.spacing[2]) for header in headers]
        try:
            segmentation = hd.seg.Segmentation(
                source_images=sources,
                pixel_array=np.ascontiguousarray(mask.voxels.T),
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
        except (AttributeError, ValueError, TypeError) as error:
            # The error's own text may quote the header.
            reason = f'a DICOM Segmentation cannot refer to it ({type(error).__name__})'
            fix = 'Leave out --dicom-seg, or complete the headers of the series'
            raise VolumeError(f'a series of {len(headers)} files', reason, fix) from error
        buffer = io.BytesIO()
        segmentation.save_as(buffer)
    return buffer.getvalue()


def _read_source(path: Path, spacing: float) -> pydicom.Dataset:
    data = pydicom.dcmread(path, stop_before_pixels=True)
    # It is empty in many series, and readers of the result ask for it: slices touch, then.
    if not data.get('SliceThickness'):
        data.SliceThickness = f'{spacing:.6f}'
    return data


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
