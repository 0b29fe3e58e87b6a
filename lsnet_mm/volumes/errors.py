"""Volumes that are refused, told without what could name a patient."""

import re
from pathlib import Path

# What scanners and downloaders number files with; anything else may hold a name, a date or a UID.
_HARMLESS = re.compile(
    r'(i|im|img|image|slice|ct|label|pancreas)?[-_]?\d{1,6}([-_]\d{1,6})?'
    r'(_0000)?(\.dcm|\.nii|\.nii\.gz)?',
    re.IGNORECASE,
)


class VolumeError(ValueError):
    """A volume that is refused: what, why, and what would mend it.

    Its text holds no path, name, date or UID, so that it may stand in logs and reports: a file is
    called by :func:`public_name`.

    Args:
        where: File or series.
        reason: What is wrong with it.
        fix: What to do about it, as a sentence without its stop.
    """

    def __init__(self, where: str, reason: str, fix: str):
        super().__init__(where, reason, fix)  # all three, or it cannot travel between processes
        self.where, self.reason, self.fix = where, reason, fix

    def __str__(self) -> str:
        return f'{self.where}: {self.reason}. {self.fix}.'


def public_name(path: Path) -> str:
    """What a message may call a file: its own name if that is a number, else its place.

    Args:
        path: The file.

    Returns:
        str: Such as ``'1-007.dcm'`` or ``'file 7 of 24'`` of its folder, by name.
    """
    if _HARMLESS.fullmatch(path.name):
        return path.name
    names = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    if path.name not in names:
        return 'a file'
    return f'file {names.index(path.name) + 1} of {len(names)}'
