"""Files and folders: there whole or not at all, and whether they are still the same."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath, PureWindowsPath

import cv2
import numpy as np
from filelock import FileLock, Timeout

#: What a file or folder is called until it is whole: no two runs choose the same name.
_PARTIAL = re.compile(r'\..+\.[0-9a-f]{8}\.partial')


def write_atomic(path: str | Path, content: bytes) -> Path:
    """Write a file under a temporary name, then rename: a failure leaves the old one as it was.

    A killed process leaves ``.<name>.<number>.partial`` behind; see :func:`remove_partials`.

    Args:
        path: The file; missing folders are made. A link is replaced, not followed.
        content: All of it.

    Returns:
        Path: The file.

    Raises:
        OSError: If it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_files(path.parent, {path.name: content})
    return path


def write_files(folder: Path, files: Mapping[str, bytes], gone: Iterable[str] = ()) -> None:
    """Write files that belong together: all are on the disk before the first one is renamed.

    Args:
        folder: Where; it must exist.
        files: Content by name. They are renamed in this order, so that the last can vouch for all.
        gone: Names of files to remove between writing and renaming.

    Raises:
        OSError: If one cannot be written; then all that was there is as it was.
    """
    partials = {name: folder / partial_name(name) for name in files}
    try:
        for name, partial in partials.items():
            if (folder / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
            with partial.open('xb') as file:  # never through a link that somebody has put there
                file.write(files[name])
                file.flush()
                os.fsync(file.fileno())
        for name in gone:
            (folder / name).unlink(missing_ok=True)
        for name, partial in partials.items():
            os.replace(partial, folder / name)
        _sync_folder(folder)
    except BaseException:
        for partial in partials.values():
            with suppress(OSError):  # the first error is the one to tell
                partial.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    with suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def partial_name(name: str) -> str:
    """What a file or folder is called until it is whole; another one at every call."""
    return f'.{name}.{secrets.token_hex(4)}.partial'


def whole_name(name: str) -> str | None:
    """What a file or folder with such a name was to be called; None if the name is no such one."""
    return name[1:-17] if _PARTIAL.fullmatch(name) else None


def remove_partials(folder: Path, *names: str) -> None:
    """Remove what killed processes left of files or folders of some names, or of any.

    No other process may be writing these meanwhile: see :func:`locked`.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        whole = whole_name(path.name)
        if whole and (not names or whole in names):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all in it, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, of: Path | None = None) -> Iterator[None]:
    """Keep other processes out for as long as the block lasts, also those that are started later.

    Args:
        path: A file that stands for what is locked. It is there while somebody holds the lock.
        of: What is locked, for the message: do not wait for others, but refuse.

    Raises:
        FileExistsError: If another process holds the lock, and ``of`` is given.
        OSError: If there can be no such file.
    """
    lock = FileLock(path, timeout=0 if of else -1)
    while not lock.is_locked:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # somebody has just removed an empty folder
            try:
                lock.acquire()
            except Timeout:
                message = f'{of} is in use by another command. Wait for it, or name another folder.'
                raise FileExistsError(message) from None
    try:
        yield
    finally:
        # Before the lock is given back: who waits for it sees that its file is gone, and makes a
        # new one. On Windows it cannot be removed while it is open, and does not stay anyway.
        with suppress(OSError):
            path.unlink()
        lock.release()


def read_json(path: Path) -> dict:
    """A file of ours; empty if there is none, or if it was damaged by hand."""
    try:
        content = json.loads(path.read_text('utf-8-sig'))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def why(error: OSError) -> str:
    """The reason of the system, without the path."""
    return os.strerror(error.errno) if error.errno else type(error).__name__


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
        FileExistsError: If ``out`` is a file, or is not empty and may not be replaced, or another
            command is filling it.
    """
    out = Path(out).resolve()
    with locked(out.with_name(f'.{out.name}.lock'), of=out):
        _check_replaceable(out, kind, layout, overwrite, marker)
        if out.exists():  # else a kill came between two renames, and the old one is among them
            remove_partials(out.parent, out.name)
        new, old = (out.with_name(partial_name(out.name)) for _ in range(2))
        new.mkdir()
        try:
            yield new
            if out.exists():  # it is whole, under the one name or the other
                os.replace(out, old)
            try:
                os.replace(new, out)
            except OSError:
                if old.exists():
                    os.replace(old, out)
                raise
            remove_partials(out.parent, out.name)
        finally:
            remove(new)


def _check_replaceable(
    out: Path, kind: str, layout: Collection[str], overwrite: bool, marker: str | None
) -> None:
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    foreign = [name for name in found if not any(fnmatch(name, known) for known in layout)]
    if out.exists() and not out.is_dir():
        raise FileExistsError(f'{out} is a file. Name a folder.')
    if found and not overwrite:
        raise FileExistsError(f'{out} is not empty. Name another folder or pass --overwrite.')
    if foreign or (found and marker and marker not in found):
        reason = f'holds more than a {kind} ({foreign[0]})' if foreign else f'has no {marker}'
        raise FileExistsError(
            f'{out} {reason}, so it may be no {kind}, and is not overwritten. Name another folder.'
        )
