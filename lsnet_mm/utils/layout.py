"""What channels and label values of a data set mean, for all that reads one; loads no OpenMMLab."""

import re
from pathlib import Path

import numpy as np

#: Names of a channel that is CT, such as CT, CTA, NCCT and ct_portal.
CT = re.compile(r'(?<![a-z])(nc|ce|cb|ld|hr)?ct(a|p)?(?![a-z])', re.IGNORECASE)


def only_channel(path: Path, description: dict) -> str:
    """The name of the only channel; ``'CT'`` where none is given.

    Args:
        path: Of the ``dataset.json``, for errors.
        description: What it holds, in the form of nnU-Net v2 or of the Decathlon.

    Raises:
        ValueError: If there are several, or the one is no CT by its name.
    """
    channels = description.get('channel_names') or description.get('modality') or {'0': 'CT'}
    names = list(channels.values()) if isinstance(channels, dict) else [channels]
    if len(names) != 1 or not CT.search(str(names[0])):
        raise ValueError(
            f'{path}: the one channel must be CT, got {names}. Choose a data set of CT; if it is '
            "one, call its channel 'CT' here."
        )
    return str(names[0])


def value_fix(known: np.ndarray, wrong: np.ndarray) -> str:
    """What to do about label values that are no class, if they tell; else empty.

    Args:
        known: Values that are classes and occur.
        wrong: All others that occur.
    """
    if set(wrong.tolist()) != {255}:
        return ''
    if (known > 0).any():
        return "255 seems to mean 'ignore', which is no class here: make it 0, or a class"
    return 'Masks are 0/1, not 0/255: divide by 255'
