"""Where a config has what a name is meant for."""

import difflib
from collections.abc import Iterator


def paths_for(name: str, read: dict, held: dict, value: object) -> list[str]:
    """Dotted paths below what is read that may be meant by a name, or a path, that is not read.

    Args:
        read: The part of a config that is read.
        held: Where the name has the value that it had before, if any.
        value: That it is to have.
    """
    found = _candidates(name.split('.'), dict(walk(read)), held, value)
    return sorted(dict.fromkeys(found), key=lambda path: path.count('.'))


def _candidates(parts: list[str], paths: dict, held: dict, value: object) -> list[str]:
    splits = [(parts[:k], ''.join(f'.{p}' for p in parts[k:])) for k in range(1, len(parts) + 1)]
    # The same path, further down; or where its beginning is.
    for begin, rest in reversed(splits):
        if found := [p for p in paths if p.endswith(f'.{".".join(begin)}')]:
            return [p + rest for p in found]
    # The same value: what the name was copied to.
    before = dict(walk(held))
    for begin, rest in splits:
        if found := _holders(paths, before.get('.'.join(begin))):
            return [p + rest for p in found]
    # A root that is spelt nearly so.
    if near := difflib.get_close_matches(parts[0], [p for p in paths if '.' not in p], 1, 0.8):
        return ['.'.join(near + parts[1:])]
    # The same last word (not `type`, which all parts have), with a value of the same form; and
    # where else that value is.
    word = parts[-1].split('_')[-1]
    alike = [p for p in paths if p.replace('_', '.').endswith(f'.{word}') and word != 'type']
    alike = [p for p in alike if _form(paths[p]) == _form(value) is not None]
    return alike + [other for path in alike for other in _holders(paths, paths[path])]


def _holders(paths: dict, value: object) -> list[str]:
    """Where a value is; numbers, flags and what is empty are anywhere by chance."""
    if not value or not isinstance(value, str | list | tuple | dict):
        return []
    return [path for path, other in paths.items() if other == value]


def _form(value: object) -> object:
    """Number, text, pair of numbers, another list; None for the rest, which tells nothing."""
    if isinstance(value, list | tuple):
        forms = [*map(_form, value)]
        return ('number',) * len(forms) if {*forms} == {'number'} else 'list'
    return {int: 'number', float: 'number', str: 'text'}.get(type(value))


def walk(node: object, path: str = '') -> Iterator[tuple[str, object]]:
    """Dotted paths and values, lists by index: what mmengine merges options by."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        below = f'{path}.{key}' if path else str(key)
        yield below, value
        if isinstance(value, dict | list):
            yield from walk(value, below)
