"""What the JSON files of nnU-Net's layout say, checked."""

import json
from pathlib import Path

ENDING = '.nii'
EXAMPLE = {'background': 0, 'pancreas': 1}


def read_description(root: Path) -> tuple[str | None, tuple[str, ...]]:
    """Name and classes of a prepared folder, from its ``dataset.json`` (nnU-Net v2).

    Args:
        root: The prepared folder.

    Returns:
        tuple: ``name``, or None where the file has none, and the classes in the order of their
        label values, ``'background'`` first.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its labels are not named 0, 1, 2 and so on, or the files are not ``.nii``.
    """
    path = root / 'dataset.json'
    description = _read_json(path, dict)
    ending = description.get('file_ending')
    if ending != ENDING:
        raise ValueError(
            f"{path}: 'file_ending' must be {ENDING}, got {ending}: compressed volumes cannot be "
            'read slice by slice. Prepare the data with tools/prepare_nnunet.py.'
        )
    return description.get('name'), _classes(path, description.get('labels'))


def _classes(path: Path, labels: object) -> tuple[str, ...]:
    fix = 'Prepare the data with tools/prepare_nnunet.py'
    if not isinstance(labels, dict) or len(labels) < 2:
        problem = f'must name background and at least one class, such as {EXAMPLE}'
    elif all(isinstance(value, str) for value in labels.values()):
        problem = f'must map names to values, such as {EXAMPLE}, not values to names'
    else:
        fix = 'Change the label files, and here their names'
        values = list(labels.values())
        if not all(type(value) is int for value in values):
            problem = 'must have one whole number each; regions of several are not supported'
        elif 'ignore' in labels:
            problem = 'must not hold ignore, which is not supported'
        elif labels.get('background', 0) != 0:
            problem = 'must hold background as 0'
        elif sorted(values) != list(range(len(values))):
            problem = 'must be numbered 0, 1, 2 and so on without gaps'
        else:
            return 'background', *sorted(labels, key=labels.get)[1:]  # 0 whatever its name
    raise ValueError(f"{path}: 'labels' {problem}; got {labels}. {fix}.")


def fold_cases(root: Path, fold: int | str, split: str) -> list[str]:
    """The cases of one split of one fold of ``splits_final.json``.

    Args:
        root: The prepared folder.
        fold: Number in nnU-Net's list of folds, or name where the file is an object of folds.
        split: Name of a list in the fold: ``'train'``, ``'val'`` or another that it has.

    Returns:
        list[str]: As the file lists them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another form, or has no such fold or split.
    """
    path = root / 'splits_final.json'
    content = _read_json(path, list, dict)
    folds = content if isinstance(content, dict) else dict(enumerate(content))
    if fold not in folds:
        raise ValueError(f'{path} has the folds {_names(folds)}; there is no {fold!r}.')
    if not isinstance(folds[fold], dict) or split not in folds[fold]:
        raise ValueError(
            f'{path}: fold {fold!r} has no {split!r} list of cases, it has {_names(folds[fold])}.'
        )
    return folds[fold][split]


def _names(keys) -> str:
    return ', '.join(map(str, keys)) or 'none'


def _read_json(path: Path, *kinds: type) -> dict | list:
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist. data_root must be a prepared folder in nnU-Net layout.'
        )
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is not valid JSON ({error}). Prepare the data again.') from error
    if not isinstance(content, kinds):
        expected = ' or '.join(kind.__name__ for kind in kinds)
        raise ValueError(f'{path} must hold a JSON {expected}. Prepare the data again.')
    return content
