"""Files that are there whole or not at all, and whether they are still the same."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

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
        partial.write_bytes(content)
        os.replace(partial, path)
    except BaseException:
        # What stands in the way may be no file; then the first error is the one to tell.
        if partial.is_file() or partial.is_symlink():
            partial.unlink()
        raise
    return path


def partial_name(name: str) -> str:
    """What a file is called until it is whole."""
    return f'.{name}.partial'


def fingerprint(paths: Iterable[Path], salt: str = '') -> str:
    """A digest that changes when one of some files is replaced; none is opened.

    Args:
        paths: The files, in any order.
        salt: What else shall change it.
    """
    digest = hashlib.sha256(salt.encode())
    for path in sorted(paths):
        stat = path.stat()
        digest.update(f'{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0'.encode())
    return digest.hexdigest()[:16]


def encode_png(image: np.ndarray) -> bytes:
    """A PNG without metadata, the same for the same data.

    Args:
        image: (H, W, 3) uint8, BGR, or (H, W) uint8.

    Raises:
        OSError: If it cannot be encoded.
    """
    encoded, png = cv2.imencode('.png', image)
    if not encoded:
        raise OSError(f'an image of {image.shape} {image.dtype} cannot be encoded as PNG')
    return png.tobytes()
