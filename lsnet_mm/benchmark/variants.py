"""One system in several ways of running it: the words of ``--variants``."""

from collections.abc import Sequence
from dataclasses import replace

from .switches import Switches

#: What each word changes; ``configured`` leaves all as a config has it.
WORDS = {
    'configured': {},
    'plain': dict(channels_last=False, fused_adam=False),
    'channels-last': dict(channels_last=True),
    'fused-adam': dict(fused_adam=True),
    'bfloat16': dict(dtype='bfloat16'),
    'compile': dict(compile=True),
}


def variants(names: Sequence[str], switches: Switches) -> dict[str, Switches]:
    """Switches by the name of a variant.

    Args:
        names: Words, or several joined by ``+``.
        switches: What the words are applied to.

    Raises:
        ValueError: If a word is unknown.
    """
    result = {}
    for name in names:
        changed = {}
        for word in name.split('+'):
            if word not in WORDS:
                raise ValueError(f'{word!r} is none of {", ".join(WORDS)}')
            changed |= WORDS[word]
        result[name] = replace(switches, **changed)
    return result
