"""The one place where the version number is written; setup.py reads it without importing."""

__version__ = '0.2.0'
