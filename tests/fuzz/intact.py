"""Small intact studies in the variety that scanners and programs write: what is damaged later."""

from functools import lru_cache
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pydicom
from pydicom.pixels import get_encoder
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from lsnet_mm.experiments.phantom import make_case

#: What no message may hold, in part or whole.
NAME, BIRTH, PATIENT, ROOT = 'Geheimnis', '19520229', 'PID-4711', '1.2.826.0.1.3680043.9.7777'
SECRETS = (NAME.lower(), 'gudrun', BIRTH, BIRTH[2:], '1952-02', PATIENT.lower(), ROOT)
NATIVE = (
    *(ExplicitVRLittleEndian, ImplicitVRLittleEndian),
    *(ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian),
)
PACKED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)
#: (sign, allocated, stored, slope, intercept); None: no such tag.
STORED = (
    *((0, 16, 12, 1, -1024), (1, 16, 16, 1, 0), (1, 16, 16, None, None)),
    *((0, 16, 16, 0.5, -1024), (1, 16, 12, 1, 0), (1, 16, 16, 1, -1024), (1, 32, 32, 1, 0)),
)


@lru_cache(maxsize=8)
def body(number: int) -> np.ndarray:
    """(rows, columns, slices) in HU, with air, fat and tissue."""
    shape = [(48, 56), (64, 48), (64, 64), (52, 52)][number % 4]
    return make_case(0, number, (*shape, 10))[0][..., : 6 + number % 5].clip(-1024, 2000)


def directions(rng: np.random.Generator) -> np.ndarray:
    """(3, 3): of a row, a column and the next slice; along the axes, sometimes a little oblique."""
    turns = [
        np.eye(3)[list(order)] * np.reshape(signs, (3, 1))
        for order, signs in product(permutations(range(3)), product((1, -1), repeat=3))
    ]
    turn = turns[rng.integers(len(turns))] if rng.random() < 0.5 else np.diag([1.0, 1.0, 1.0])
    if rng.random() < 0.2:
        a, b = rng.uniform(-0.3, 0.3, 2)
        turn = turn @ [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
        turn = turn @ [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    return turn


def compressors() -> list:
    """Those that are installed."""
    return [syntax for syntax in PACKED if get_encoder(syntax).is_available]


def make_series(rng: np.random.Generator, syntax=None) -> list[pydicom.Dataset]:
    """The slices of a CT, in the order of their positions or against it."""
    hu = body(int(rng.integers(8)))
    if syntax is None:
        packed = compressors()
        some = packed if packed and rng.random() < 0.25 else NATIVE[: rng.integers(1, 5)]
        syntax = some[rng.integers(len(some))]
    kinds = STORED[:4] if syntax in PACKED else STORED
    sign, allocated, bits, slope, intercept = kinds[rng.integers(len(kinds))]
    turn, origin = directions(rng), rng.uniform(-300, 300, 3).round(2)
    spacing = [f'{size:.4g}' for size in rng.uniform(0.4, 2, 2)]
    step = round(rng.uniform(0.6, 6), 2)
    decimals = 1 if step > 2 and rng.random() < 0.2 else int(rng.integers(3, 6))
    padding = int(rng.choice([-2000, -2048, -32768])) if sign else 63536  # -2000, unsigned
    padding = padding if allocated == 16 and syntax in NATIVE and rng.random() < 0.2 else None
    slices = []
    for k in range(hu.shape[2]):
        data = _patient(k)
        data.ImagePositionPatient = [f'{x:.{decimals}f}' for x in origin + k * step * turn[2]]
        data.ImageOrientationPatient = [f'{x:.6f}' for x in turn[:2].ravel()]
        data.PixelSpacing, data.SliceThickness = spacing, f'{step:g}'
        stored = np.rint((hu[..., k] - (intercept or 0)) / (slope or 1)).astype(np.int64)
        if padding is not None:
            stored[:4], stored[:, :3] = padding, padding
            data.add_new('PixelPaddingValue', 'SS' if sign else 'US', padding)
        data.Rows, data.Columns = stored.shape
        data.BitsAllocated, data.BitsStored, data.HighBit = allocated, bits, bits - 1
        data.PixelRepresentation = sign
        if slope is not None:
            data.RescaleSlope, data.RescaleIntercept = str(slope), str(intercept)
            data.RescaleType = 'HU'
        order = '>' if syntax == ExplicitVRBigEndian else '<'
        kind = f'{order}{"ui"[sign]}{allocated // 8}'
        data.PixelData = stored.astype(kind).tobytes()
        data['PixelData'].VR = 'OW'
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.MediaStorageSOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax in PACKED else syntax
        if syntax in PACKED:
            data.compress(syntax, generate_instance_uid=False)
        data.preamble = bytes(128)
        slices.append(data)
    return slices[:: int(rng.choice([1, -1]))]


def _patient(k: int) -> pydicom.Dataset:
    data = pydicom.Dataset()
    data.ImageType = ['ORIGINAL', 'PRIMARY', 'AXIAL']
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f'{ROOT}.3.{k + 1}'
    data.StudyInstanceUID, data.SeriesInstanceUID = f'{ROOT}.1', f'{ROOT}.2'
    data.FrameOfReferenceUID, data.InstanceNumber = f'{ROOT}.4', str(k + 1)
    data.PatientName, data.PatientID = f'{NAME}^Gudrun', PATIENT
    data.PatientBirthDate = data.StudyDate = data.SeriesDate = BIRTH
    data.Modality, data.Manufacturer, data.GantryDetectorTilt = 'CT', 'phantom', '0'
    data.SeriesDescription, data.SeriesNumber = f'{NAME} abdomen', '4'
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, 'MONOCHROME2'
    return data


#: (stored dtype, slope, intercept).
NIFTI_STORED = (
    *(('<i2', 1, 0), ('>i2', 1, 0), ('<f4', 1, 0), ('<f8', 1, 0), ('<i4', 1, 0), ('>f4', 1, 0)),
    *(('<u2', 1, -1024), ('<i2', 0.5, -1000), ('<u1', 12, -1024), ('<i8', 1, 0)),
)


def make_nifti(rng: np.random.Generator) -> tuple[nib.Nifti1Header, bytes, bytes]:
    """Header, extension and voxels of a volume."""
    hu = body(int(rng.integers(8))).transpose(1, 0, 2)
    dtype, slope, intercept = NIFTI_STORED[rng.integers(len(NIFTI_STORED))]
    kind = nib.Nifti2Header if rng.random() < 0.3 else nib.Nifti1Header
    header = kind(endianness=dtype[0])
    header.set_data_dtype(np.dtype(dtype))
    header.set_data_shape(hu.shape)
    affine = np.eye(4)
    affine[:3, :3] = directions(rng).T * [*rng.uniform(0.4, 2, 2), rng.uniform(0.6, 6)]
    affine[:3, 3] = rng.uniform(-300, 300, 3)
    forms = rng.choice(['both', 'sform', 'qform'])
    code = int(rng.integers(1, 5))
    header.set_sform(affine, code if forms != 'qform' else 0)
    header.set_qform(affine, code if forms != 'sform' else 0)
    header.set_xyzt_units('mm')
    header['descrip'] = f'{NAME} {BIRTH}'.encode()
    extension = bytes(4)
    if rng.random() < 0.2:
        note = f'{NAME}^Gudrun {PATIENT}'.encode().ljust(40, b'\0')
        numbers = np.array([48, 6], f'{dtype[0]}i4').tobytes()
        extension = b'\1\0\0\0' + numbers + note
    header['vox_offset'] = header.sizeof_hdr + len(extension)
    header['scl_slope'], header['scl_inter'] = slope, intercept
    stored = np.rint((hu - float(intercept)) / slope)
    limits = np.iinfo(dtype) if np.dtype(dtype).kind in 'iu' else np.finfo(dtype)
    stored = stored.clip(float(limits.min), float(limits.max)).astype(dtype)
    return header, extension, stored.tobytes(order='F')
