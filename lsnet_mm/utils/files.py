"""Files and folders: there whole or not at all, and whether they are still the same."""

import hashlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath, PureWindowsPath

import cv2
import numpy as np


def write_atomic(path: str | Path, content: bytes) -> Path:
    """Write a file under a temporary name, then rename: a failure leaves the old one as it was.

    A killed process leaves ``.<name>.partial`` behind, which the next one overwrites.

    Args:
        path: The file; missing folders are made.
        content: All of it.

    Returns:
        Path: The file.

    Raises:
        OSError: If it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(partial_name(path.name))
    try:
        with partial.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a name on the disk must not come before its content
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            partial.unlink()
        raise
    return path


def partial_name(name: str) -> str:
    """What a file or folder is called until it is whole."""
    return f'.{name}.partial'


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    with suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fingerprint(paths: Iterable[Path], salt: str = '') -> str:
    """A digest that changes when one of some files is replaced; none is opened.

    Args:
        paths: The files, in any order.
        salt: What else shall change it.
    """
    digest = hashlib.sha256(salt.encode())
    for path in sorted(paths):
        stat = path.stat()
        digest.update(os.fsencode(path.name))  # which may be no UTF-8
        digest.update(f'\0{stat.st_size}\0{stat.st_mtime_ns}\0'.encode())
    return digest.hexdigest()[:16]


def encode_png(image: np.ndarray) -> bytes:
    """A PNG without metadata, the same for the same data.

    Args:
        image: (H, W, 3) uint8, BGR, or (H, W) uint8.
    """
    return cv2.imencode('.png', image)[1].tobytes()


def is_absolute(text: str) -> bool:
    """Whether a text is an absolute path, of POSIX, of Windows, of a home, or as a file URL."""
    return (
        PurePosixPath(text).is_absolute()
        or PureWindowsPath(text).is_absolute()
        or text.startswith(('~', 'file:'))
    )


@contextmanager
def replace_folder(
    out: str | Path,
    kind: str,
    layout: Collection[str],
    overwrite: bool = False,
    marker: str | None = None,
) -> Iterator[Path]:
    """A folder to fill, which takes the place of ``out`` when the block ends without an error.

    It is a hidden neighbour of ``out``, so an interrupted run leaves no half data set behind.

    Args:
        out: Folder to make; its parents are made too.
        kind: What it holds, for messages.
        layout: Names in such a folder, with wildcards.
        overwrite: Replace ``out`` where it holds nothing but such names.
        marker: A name without which ``out`` is not replaced, where others' data look the same.

    Yields:
        Path: The folder to fill.

    Raises:
        FileExistsError: If ``out`` is a file, or is not empty and may not be replaced.
    """
    out = Path(out).resolve()
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    foreign = [name for name in found if not any(fnmatch(name, known) for known in layout)]
    if out.exists() and not out.is_dir():
        raise FileExistsError(f'{out} is a file. Name a folder.')
    if found and not overwrite:
        raise FileExistsError(f'{out} is not empty. Name another folder or pass --overwrite.')
    if foreign or (found and marker and marker not in found):
        why = f'holds more than a {kind} ({foreign[0]})' if foreign else f'has no {marker}'
        raise FileExistsError(
            f'{out} {why}, so it may be no {kind}, and is not overwritten. Name another folder.'
        )
    partial = out.with_name(partial_name(out.name))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if out.exists():
            shutil.rmtree(out)
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
