"""Arrows point down: a room of the package imports from those below it, and never in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1] / 'lsnet_mm'
#: From the ground up. `registry` names the rooms' modules in strings and imports none.
ROOMS = (
    'lazy',
    'version',
    'registry',
    'utils',
    'volumes',
    'models',
    'datasets',
    'evaluation',
    'visualization',
    'engine',
    'preparation',
    'apis',
    'export',
    'experiments',
)


def modules():
    """(path, dotted name) of all of the package."""
    for path in sorted(ROOT.rglob('*.py')):
        parts = path.relative_to(ROOT.parent).with_suffix('').parts
        yield path, '.'.join(parts).removesuffix('.__init__')


NAMES = {name for _, name in modules()}


def imports(path, name):
    """The modules of the package that one imports at its top, not in a function."""
    package = name.split('.') if path.name == '__init__.py' else name.split('.')[:-1]
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = '.'.join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f'{module}.{alias.name}'
                if inner in NAMES or module in NAMES:
                    yield inner if inner in NAMES else module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)


def room(name):
    return (name.split('.') + [''])[1]


def test_every_room_has_its_floor():
    assert {room(name) for _, name in modules()} - {''} == set(ROOMS)


def test_no_room_imports_from_above():
    upwards = [
        f'{name} imports {other}'
        for path, name in modules()
        for other in imports(path, name)
        if room(name) and room(other) and ROOMS.index(room(other)) > ROOMS.index(room(name))
    ]
    assert not upwards


def test_the_pages_of_the_api_stand_in_that_order():
    """From the top down, but for what has no names of its own to call."""
    index = (ROOT.parent / 'docs' / 'api' / 'index.md').read_text()
    pages = [line for line in index.splitlines() if line in ROOMS]
    assert pages == [name for name in reversed(ROOMS) if name not in ('lazy', 'version')]


def test_no_module_imports_itself_by_others():
    """The graph of what modules import has an order; a package's own list of names is no module."""
    packages = {name for path, name in modules() if path.name == '__init__.py'}
    graph = {
        name: {i for i in imports(path, name) if i not in packages}
        for path, name in modules()
        if name not in packages
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_components_are_written_into_our_registries():
    texts = {name: path.read_text() for path, name in modules() if name != 'lsnet_mm.registry'}
    writing = {name: text for name, text in texts.items() if '.register_module(' in text}
    assert len(writing) > 30
    assert not [name for name, text in writing.items() if 'from mmengine.registry' in text]


def test_no_file_is_long():
    assert [str(path) for path, _ in modules() if len(path.read_text().splitlines()) > 300] == []
