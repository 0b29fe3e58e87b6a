import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path


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
    if out.exists() and not out.is_dir():
        raise FileExistsError(f'{out} is a file. Name a folder.')
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if found and not overwrite:
        raise FileExistsError(f'{out} is not empty. Name another folder or pass --overwrite.')
    foreign = [name for name in found if not any(fnmatch(name, known) for known in layout)]
    if foreign:
        raise FileExistsError(
            f'{out} holds more than a {kind} ({foreign[0]}) and is not overwritten. '
            'Name another folder.'
        )
    if found and marker and marker not in found:
        raise FileExistsError(
            f'{out} has no {marker}, so it may be no {kind}, and is not overwritten. '
            'Name another folder.'
        )
    partial = out.with_name(f'.{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if out.exists():
            shutil.rmtree(out)
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
