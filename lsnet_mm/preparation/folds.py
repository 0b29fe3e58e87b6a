from collections.abc import Iterable

import numpy as np

#: Last case of each block of Pancreas-CT in the coarse-to-fine literature. Dividing the 80 cases
#: anew would move case 41 to another fold.
PINNED_ENDS = (20, 41, 61, 82)
#: Withdrawn by TCIA in 2020: the scan of case 2 again, cropped differently.
WITHDRAWN = frozenset({25, 70})


def pinned_folds(cases: dict[int, str]) -> list[dict[str, list[str]]] | None:
    """The four folds of Pancreas-CT: cases 1-20 | 21-41 | 42-61 | 62-82.

    Args:
        cases: Name of each case, by number.

    Returns:
        list | None: nnU-Net's ``splits_final.json``; None if a block has no case, or a number
        lies outside of them, so that this is another set.
    """
    numbers = sorted(cases)
    blocks = np.split(numbers, np.searchsorted(numbers, PINNED_ENDS, side='right'))
    *blocks, beyond = [[cases[number] for number in block] for block in blocks]
    return None if beyond or not all(blocks) else cross_validation(blocks)


def contiguous_folds(cases: Iterable[str], folds: int) -> list[dict[str, list[str]]]:
    """Blocks of the sorted cases, as nearly equal as they can be; no more folds than cases."""
    cases = sorted(cases)
    blocks = np.array_split(cases, max(min(folds, len(cases)), 1))
    return cross_validation([block.tolist() for block in blocks])


def cross_validation(blocks: list[list[str]]) -> list[dict[str, list[str]]]:
    """nnU-Net's ``splits_final.json``: each block is ``val`` once."""
    cases = sorted(case for block in blocks for case in block)
    return [{'train': [c for c in cases if c not in block], 'val': block} for block in blocks]
