from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    PYDICOM_ROOT_UID,
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

DATE = '20151124'


@dataclass(frozen=True)
class CTSeries:
    """The DICOM series of one phantom, with the headers of Pancreas-CT and its quirks.

    As in the collection: rows run from the back to the front (ImageOrientationPatient
    [1, 0, 0, 0, -1, 0], so the series' normal points to the feet), SliceThickness, SeriesNumber
    and KVP are empty, StudyTime differs between the slices of one series, voxels are signed 16-bit
    HU, and rescaling is 1 and 0 or, in every other case, absent. Unlike there, Manufacturer says
    what it is, and there are names and dates: made up, for tests of privacy to search for.

    Attributes:
        number: Of the case.
        seed: Of the data set; UIDs follow from seed and number.
    """

    number: int
    seed: int

    @property
    def patient(self) -> str:
        """PatientID, such as ``PANCREAS_0001``."""
        return f'PANCREAS_{self.number:04d}'

    def uid(self, *part: object) -> str:
        """The UID of a part, such as ``'study'``: the same for the same seed, number and part."""
        entropy = ['lsnet_mm phantom', self.seed, self.number, *part]
        return generate_uid(PYDICOM_ROOT_UID, [str(source) for source in entropy])

    def write(
        self,
        path: Path,
        instance: int,
        pixels: np.ndarray,
        spacing: tuple[float, float],
        position: float,
        transfer_syntax: str,
    ) -> None:
        """Write one slice.

        Args:
            path: File to write.
            instance: InstanceNumber, from 1.
            pixels: (rows, columns) int16, HU.
            spacing: (row, column) in mm.
            position: z of the slice in mm, towards the head.
            transfer_syntax: UID of the encoding, little endian.

        Raises:
            RuntimeError: If pydicom has no encoder for it; the message says what to install.
        """
        slice_ = self._header(instance)
        slice_.Rows, slice_.Columns = pixels.shape
        slice_.PixelSpacing = [f'{size:.6f}' for size in spacing]
        slice_.ImagePositionPatient = ['0', '0', f'{position:.6f}']
        slice_.PixelData = np.ascontiguousarray(pixels, '<i2').tobytes()
        slice_['PixelData'].VR = 'OW'
        slice_.file_meta = FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if UID(transfer_syntax).is_encapsulated:
            slice_.compress(transfer_syntax, generate_instance_uid=False)
        else:
            slice_.file_meta.TransferSyntaxUID = transfer_syntax
        slice_.save_as(path, enforce_file_format=True)

    def _header(self, instance: int) -> Dataset:
        header = Dataset()
        header.SpecificCharacterSet = 'ISO_IR 100'
        header.ImageType = ['ORIGINAL', 'PRIMARY', 'AXIAL']
        header.SOPClassUID = CTImageStorage
        header.SOPInstanceUID = self.uid('instance', instance)
        header.StudyDate = DATE
        header.StudyTime = f'1654{(47 + instance / 100) % 60:09.6f}'
        header.AccessionNumber = f'FICT{self.number:04d}'
        header.Modality = 'CT'
        header.Manufacturer = 'lsnet_mm phantom'
        header.InstitutionName = 'FICTITIOUS HOSPITAL'
        header.ReferringPhysicianName = 'FICTITIOUS^DOCTOR'
        header.StudyDescription = header.SeriesDescription = 'Pancreas'
        header.PatientName = f'FICTITIOUS^PATIENT {self.number:04d}'
        header.PatientID = header.StudyID = self.patient
        header.PatientBirthDate = f'19{self.number % 100:02d}0101'
        header.PatientSex = 'O'
        header.BodyPartExamined = 'PANCREAS'
        header.SliceThickness = header.KVP = header.SeriesNumber = header.AcquisitionNumber = None
        header.StudyInstanceUID = self.uid('study')
        header.SeriesInstanceUID = self.uid('series')
        header.FrameOfReferenceUID = self.uid('frame')
        header.InstanceNumber = str(instance)
        header.ImageOrientationPatient = ['1', '0', '0', '0', '-1', '0']
        header.SamplesPerPixel = 1
        header.PhotometricInterpretation = 'MONOCHROME2'
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit = 15
        header.PixelRepresentation = 1
        if self.number % 2:
            header.RescaleIntercept, header.RescaleSlope = '0', '1'
        header.private_block(0x13, 'CTP', create=True).add_new(0x10, 'LO', 'Pancreas-CT')
        return header
