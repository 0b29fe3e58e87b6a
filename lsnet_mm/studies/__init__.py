"""Studies on a disk: finding them, segmenting them, and writing what comes of it."""

from .find import Findings, find_studies
from .job import Job
from .outputs import Outputs
from .segment import segment_study
from .study import DicomStudy, NiftiStudy, Study

__all__ = [
    'DicomStudy',
    'Findings',
    'Job',
    'NiftiStudy',
    'Outputs',
    'Study',
    'find_studies',
    'segment_study',
]
