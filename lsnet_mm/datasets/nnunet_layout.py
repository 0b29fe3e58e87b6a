"""What the JSON files of nnU-Net's layout say, checked."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..utils.layout import only_channel

ENDING = '.nii'
EXAMPLE = {'background': 0, 'pancreas': 1}


def read_json(path: Path, *kinds: type) -> dict | list:
    """The content of a JSON file of the layout, which must be of one of some ``kinds``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no JSON, or holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist. data_root must be a prepared folder in nnU-Net layout.'
        )
    try:
        content = json.loads(path.read_bytes())  # by which Python knows UTF-8 and 16, with a mark
    except (ValueError, RecursionError) as error:  # of JSON, or of its encoding
        raise ValueError(f'{path} is not valid JSON ({error}). Prepare the data again.') from error
    if not isinstance(content, kinds):
        expected = ' or '.join(kind.__name__ for kind in kinds)
        raise ValueError(f'{path} must hold a JSON {expected}. Prepare the data again.')
    return content


def read_description(root: Path) -> tuple[str | None, tuple[str, ...], dict]:
    """Name, classes and facts of a prepared folder, from its ``dataset.json`` (nnU-Net v2).

    Args:
        root: The prepared folder.

    Returns:
        tuple: ``name``, or None where the file has none, and the classes in the order of their
        label values, ``'background'`` first; and whether the data are ``synthetic``, as the file
        says, or its name does: that of our phantoms.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its labels are not named 0, 1, 2 and so on, its image is no CT, or the files
            are not ``.nii``.
    """
    path = root / 'dataset.json'
    description = read_json(path, dict)
    ending, labels = description.get('file_ending'), description.get('labels')
    if ending != ENDING:
        raise ValueError(
            f"{path}: 'file_ending' must be {ENDING}, got {ending}: compressed volumes cannot be "
            'read slice by slice. Prepare the data with tools/prepare_nnunet.py.'
        )
    only_channel(path, description)
    name = description.get('name')
    synthetic = description.get('synthetic', name == 'phantom')
    return name, _classes(path, labels), {'synthetic': bool(synthetic)}


def _classes(path: Path, labels: object) -> tuple[str, ...]:
    values = list(labels.values()) if isinstance(labels, dict) else []
    numbers = len(values) > 1 and all(type(value) is int for value in values)
    if (
        not numbers
        or sorted(values) != list(range(len(values)))
        or labels.get('background', 0) != 0
        or 'ignore' in labels
    ):
        raise ValueError(
            f"{path}: 'labels' must map names to the numbers 0, 1, 2 and so on, background to 0, "
            f'such as {EXAMPLE}; regions of several numbers and ignore are not supported; got '
            f'{labels}. Prepare the data with tools/prepare_nnunet.py, or change the label files '
            'and here their names.'
        )
    return 'background', *sorted(labels, key=labels.get)[1:]  # 0 whatever its name


def fold_cases(
    folds: list | dict, fold: int | str, splits: Sequence[str], source: object
) -> tuple[list[str], set[str]]:
    """The cases of some lists of one fold, as the fold has them, and those of all its lists.

    Args:
        folds: As ``splits_final.json`` holds them.
        fold: Number in nnU-Net's list of folds, or name where they are an object of folds.
        splits: Names of lists: ``'train'``, ``'val'`` or whatever else the fold has.
        source: Where the folds stand, for errors.

    Raises:
        ValueError: If there is no such fold or list, or the fold is no object of lists.
    """
    folds = folds if isinstance(folds, dict) else dict(enumerate(folds))
    if fold not in folds:
        raise ValueError(f'{source} has the folds {_names(folds)}; there is no {fold!r}.')
    lists = folds[fold]
    if not isinstance(lists, dict) or not all(isinstance(v, list) for v in lists.values()):
        raise ValueError(f'{source}: fold {fold!r} must be {{"train": [cases], "val": [cases]}}.')
    for split in splits:
        if split not in lists:
            raise ValueError(
                f'{source}: fold {fold!r} has no {split!r} list of cases, it has {_names(lists)}.'
            )
    return [case for split in splits for case in lists[split]], set().union(*lists.values())


def _names(keys: Iterable) -> str:
    return ', '.join(map(str, keys)) or 'none'
