"""Names of a package that are imported when they are asked for (PEP 562).

A package that names what needs torch would load it for each of its modules, and take three seconds
for a command's ``--help``.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazy_names(package: str, modules: Mapping[str, Sequence[str]]) -> tuple[Callable, list[str]]:
    """``__getattr__`` and ``__all__`` of a package.

    Args:
        package: Its ``__name__``.
        modules: The names that each of its modules gives it; no module has one of these names.
    """
    places = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> object:
        if name not in places:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        return getattr(import_module(f'{package}.{places[name]}'), name)

    return get, sorted(places)
