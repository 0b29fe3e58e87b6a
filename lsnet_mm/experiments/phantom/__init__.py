"""Procedural abdominal CT: data for tests and demonstrations, never for results."""

from .case import make_case
from .data_sets import downloaded_case, write_download, write_prepared

__all__ = ['downloaded_case', 'make_case', 'write_download', 'write_prepared']
