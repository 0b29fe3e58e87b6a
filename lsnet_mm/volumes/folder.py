"""The files below a folder, each once."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[Path]:
    """All files at any depth but hidden ones, folder by folder, by name.

    Links are followed, and what several of them lead to comes once: no circle has no end, and a
    file is no copy of itself. A folder that may not be read is passed over.

    Args:
        folder: Where to look. Hidden folders below it are left out.

    Yields:
        Path: Such as ``folder / 'link' / '1.dcm'``; perhaps a pipe, or a link to nowhere.
    """
    here = folder.resolve()
    seen = {_identity(parent) for parent in (here, *here.parents)}  # a link to / is no inbox

    def is_new(path: Path) -> bool:
        if path.name.startswith('.'):
            return False
        identity = _identity(path)
        new = identity is None or identity not in seen
        seen.add(identity)
        return new

    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in sorted(folders) if is_new(Path(parent, name))]
        yield from filter(is_new, (Path(parent, name) for name in sorted(names)))


def _identity(path: Path) -> tuple[int, int] | None:
    """None of a link to nowhere."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
