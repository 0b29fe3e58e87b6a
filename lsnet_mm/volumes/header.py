"""What must be known of one DICOM file to place it in a series."""

from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, MediaStorageDirectoryStorage

from .dicom_file import integer, number, numbers, quiet, read_dicom, text
from .volume import public_name

#: CT and its enhanced kinds.
_CT = '1.2.840.10008.5.1.4.1.1.2'
#: Secondary Capture and its multi-frame kinds: pictures of a screen, such as dose reports.
_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'
#: What may be said of a file that is no CT: the element holds whatever someone wrote into it.
MODALITIES = frozenset(
    ('CR', 'DX', 'MG', 'MR', 'NM', 'PT', 'RF', 'US', 'XA', 'OT', 'SC', 'SEG', 'SR', 'PR', 'KO')
    + ('DOC', 'REG', 'RTDOSE', 'RTIMAGE', 'RTPLAN', 'RTSTRUCT')
)
#: The Manufacturer of our phantoms, never to be mistaken for patients.
PHANTOM = 'lsnet_mm phantom'
NO_DICOM = 'is no DICOM file, in spite of its name'


@dataclass(frozen=True)
class SliceHeader:
    """What must be known of one DICOM file to place it in a series; None: it does not say."""

    path: Path
    patient: str  #: PatientID.
    study: str  #: StudyInstanceUID.
    series: str  #: SeriesInstanceUID.
    kind: str  #: ``'CT slice'``, or what else lies in the folder of a scan beside its slices.
    manufacturer: str  #: Of the scanner.
    instance: int  #: InstanceNumber; -1 where there is none.
    shape: tuple[int, int]  #: (rows, columns).
    position: tuple[float, ...] | None  #: (x, y, z) of the first voxel; mm to left, back and head.
    orientation: tuple[float, ...] | None  #: Directions of a row and of a column, (6,), likewise.
    spacing: tuple[float, ...] | None  #: (between rows, between columns) in mm.
    thickness: float | None  #: SliceThickness in mm; NaN if it is no number.
    tilt: float  #: Of the gantry, in degrees.
    frames: int  #: Images in the file.
    samples: int  #: Colour channels.
    bits: tuple[int | None, ...]  #: (allocated, stored, highest) of a voxel.
    signed: int | None  #: PixelRepresentation, 1 if voxels have a sign.
    slope: float | None  #: RescaleSlope; NaN if it is no number, as the next.
    intercept: float | None  #: RescaleIntercept.
    unit: str  #: RescaleType.
    padding: tuple[int | None, int | None]  #: Stored values that are no voxels, from and to.
    table: bool  #: Whether a table of values takes the place of slope and intercept.
    compressed: bool
    enhanced: bool = False  #: Whether geometry and scale stand with the frames, as in Enhanced CT.
    frame: int | None = None  #: Which of an enhanced file this is, from 0.

    @property
    def name(self) -> str:
        """What a message may call it."""
        name = public_name(self.path)
        return name if self.frame is None else f'{name}, frame {self.frame + 1}'


@dataclass(frozen=True)
class BrokenFile:
    """A file that should be a slice, by its name, its bytes or its place, and is of no use."""

    path: Path
    reason: str  #: Why, as the end of a sentence about it.


def read_header(path: Path) -> SliceHeader | BrokenFile | None:
    """The header of any file; None for one that belongs to no series: no DICOM, or a DICOMDIR."""
    try:
        with quiet():
            return _parse(path, read_dicom(path))
    except InvalidDicomError:
        return BrokenFile(path, NO_DICOM) if path.suffix.lower() == '.dcm' else None
    except OSError:
        return BrokenFile(path, 'cannot be read from the disk')
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # pydicom has no error of its own: anything may come of broken bytes
        return BrokenFile(path, 'has a broken or truncated DICOM header')


def _parse(path: Path, data) -> SliceHeader | None:
    modality, series = text(data, 'Modality'), text(data, 'SeriesInstanceUID')
    if data.file_meta.get('MediaStorageSOPClassUID') == MediaStorageDirectoryStorage:
        return None
    form, empty = text(data, 'SOPClassUID'), 'Rows' not in data
    # An anonymiser may have emptied its UID, but all headers of slices come to their rows; what a
    # scanner keeps of its own beside them (raw data) has none.
    if modality in ('', 'CT') and empty and (not series or form.startswith((_CT, _CAPTURE))):
        raise ValueError('the file ends before its image, or has none')
    position = numbers(data, 'ImagePositionPatient', 3)
    samples = integer(data, 'SamplesPerPixel') or 1
    captured = form.startswith(_CAPTURE)
    if modality != 'CT':
        other = f'{modality} file' if modality in MODALITIES else 'file of another modality'
        kind = other if modality else 'file without modality'
    elif empty:
        kind = 'file without image'
    elif 'LOCALIZER' in text(data, 'ImageType').split('\\'):
        kind = 'localizer'
    elif captured and (samples != 1 or position is None):  # ITK writes slices as captures, too
        kind = 'screen capture'
    else:
        kind = 'CT slice'
    instance = integer(data, 'InstanceNumber')
    syntax = UID(data.file_meta.get('TransferSyntaxUID') or '')
    return SliceHeader(
        path=path,
        patient=text(data, 'PatientID'),
        study=text(data, 'StudyInstanceUID'),
        series=series,
        kind=kind,
        manufacturer=text(data, 'Manufacturer'),
        instance=-1 if instance is None else instance,
        shape=(integer(data, 'Rows') or 0, integer(data, 'Columns') or 0),
        position=position,
        orientation=numbers(data, 'ImageOrientationPatient', 6),
        spacing=numbers(data, 'PixelSpacing', 2),
        thickness=number(data, 'SliceThickness'),
        tilt=(numbers(data, 'GantryDetectorTilt', 1) or (0.0,))[0],
        frames=integer(data, 'NumberOfFrames') or 1,
        samples=samples,
        bits=tuple(
            integer(data, keyword) for keyword in ('BitsAllocated', 'BitsStored', 'HighBit')
        ),
        signed=integer(data, 'PixelRepresentation'),
        slope=number(data, 'RescaleSlope'),
        intercept=number(data, 'RescaleIntercept'),
        unit=text(data, 'RescaleType'),
        padding=(integer(data, 'PixelPaddingValue'), integer(data, 'PixelPaddingRangeLimit')),
        table='ModalityLUTSequence' in data,
        compressed=syntax.is_transfer_syntax and syntax.is_compressed,
        enhanced='PerFrameFunctionalGroupsSequence' in data,
    )
