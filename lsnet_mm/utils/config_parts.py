from collections.abc import Iterator


def config_parts(node: object) -> Iterator[dict]:
    """All dicts in a (nested) config, outer ones first; what a caller takes out is not entered."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list | tuple):
        for child in node:
            yield from config_parts(child)
