"""Procedural abdominal CT: data for tests and demonstrations, never for results."""

from .case import make_case
from .prepared import write_prepared

__all__ = ['make_case', 'write_prepared']
