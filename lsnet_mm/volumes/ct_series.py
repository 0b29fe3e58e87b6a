from collections import Counter
from collections.abc import Iterable

from .series import Series


def ct_series(series: Iterable[Series]) -> tuple[list[Series], Counter[str]]:
    """Take the slices of CT out of what lies in a folder.

    Localizers, dose reports, structures and single images are left out, also where they share a
    series with slices. If nothing would be left, all is: a check of it then says what it is.

    Args:
        series: From :func:`~lsnet_mm.volumes.find_series`.

    Returns:
        tuple: Series of slices, and how many files of each other kind were left out.
    """
    series, left_out = list(series), Counter()
    kept = []
    for one in series:
        slices = tuple(header for header in one.headers if header.kind == 'CT slice')
        left_out.update(header.kind for header in one.headers if header.kind != 'CT slice')
        if slices:
            kept.append(Series(slices))
    stacks = [one for one in kept if len(one.headers) > 1 or one.headers[0].frames > 1]
    if stacks and len(stacks) < len(kept):
        left_out['single CT image'] = len(kept) - len(stacks)
        kept = stacks
    return (kept, left_out) if kept else (series, Counter())
