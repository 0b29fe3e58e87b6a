"""What is installed of lsnet_mm and around it, for a report of a mistake: no paths, no host names.

It stands beside the package, and imports neither it nor what it needs at the top: it has to speak
where these are missing or broken.
"""

import argparse
import hashlib
import json
import platform
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

PACKAGE = 'lsnet_mm'
#: The two families of packages that bring OpenMMLab's modules, of which there may be one.
FORKS = ('onedl-mmengine', 'onedl-mmcv', 'onedl-mmsegmentation', 'onedl-mmdetection')
FORKS += ('onedl-mmpretrain',)
ORIGINALS = ('mmengine', 'mmcv', 'mmcv-lite', 'mmsegmentation', 'mmdet', 'mmpretrain')
#: What may be installed and broken, with what is to be said of it.
BROKEN = {
    'cv2': 'cv2, which opencv-python or opencv-python-headless brings, not both',
    'torchvision': 'torchvision, which has to be of the build of torch',
}
#: For who develops.
QUIET = ('test', 'dev')


def main() -> int:
    """The console script ``lsnet-info``."""
    parser = argparse.ArgumentParser(prog='lsnet-info', description=__doc__.split('\n')[0])
    parser.add_argument('--json', action='store_true', help='print JSON')
    as_json, found = parser.parse_args().json, describe()
    print(json.dumps(found, indent=2) if as_json else text(found))
    return 0


def describe() -> dict:
    """All of it, as plain values; what cannot be found out is None, and ``problems`` says why."""
    problems: list[str] = []

    def ask(what: str, function: Callable[[], object]) -> object:
        try:
            return function()
        except Exception as error:  # its text may hold a path
            problems.append(f'{what}: {type(error).__name__}')
            return None

    found = {
        PACKAGE: ask(PACKAGE, _version),
        'python': platform.python_version(),
        'system': f'{platform.system()} {platform.release()} {platform.machine()}',
        'stack': ask('stack', _stack),
        'packages': ask('packages', _packages),
        'devices': ask('torch', _devices),
        'extras': ask('extras', _extras),
        'compiled_ops': ask('mmcv', _has_ops),
        'weights': ask('weights', _weights),
    }
    for module, package in BROKEN.items():
        ask(package, partial(_import, module))
    return {**found, 'problems': problems}


def text(found: dict) -> str:
    """What :func:`describe` found, to be read."""
    lines = [f'{key}: {found[key]}' for key in (PACKAGE, 'python', 'system', 'stack')]
    lines.append(f'devices: {", ".join(found["devices"] or ["unknown"])}')
    lines.append(f'compiled ops of mmcv: {"yes" if found["compiled_ops"] else "no"}')
    lines += [
        'packages:',
        *(f'  {n} {version}' for n, version in (found['packages'] or {}).items()),
    ]
    lines.append('extras:')
    for name, lacking in (found['extras'] or {}).items():
        lines.append(f'  {name}: {"lacks " + ", ".join(lacking) if lacking else "complete"}')
    lines.append('weights:')
    for one in found['weights'] or ():
        named = ' '.join(str(one[key]) for key in ('name', 'version') if one[key])
        lines.append(f'  {one["file"]} ({named or "no card"}), {one["bytes"]} bytes')
        lines.append(f'    sha256 {one["sha256"]}')
    lines += [f'problem: {problem}' for problem in found['problems']]
    return '\n'.join([*lines, 'Not a medical device.'])


def _home() -> Path:
    [folder] = find_spec(PACKAGE).submodule_search_locations  # without importing it
    return Path(folder)


def _version() -> str:
    return re.search(r"__version__ = '(.+)'", (_home() / 'version.py').read_text()).group(1)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _stack() -> str:
    forks, originals = (any(map(_installed, names)) for names in (FORKS, ORIGINALS))
    if forks and originals:
        return 'mixed: forks and originals install into the same folders, uninstall one family'
    return 'forks (onedl-*)' if forks else 'originals' if originals else 'none'


def _packages() -> dict[str, str]:
    developing = re.compile(rf'extra == .({"|".join(QUIET)})\b')
    lines = [one for one in metadata.requires(PACKAGE) or () if not developing.search(one)]
    needed = [re.match(r'[\w.-]+', line)[0] for line in lines]
    names = sorted({'torch', *FORKS, *ORIGINALS, *needed}, key=str.lower)
    return {name: version for name in names if (version := _installed(name))}


def _devices() -> list[str]:
    import torch

    count = torch.cuda.device_count()
    gpus = [f'cuda:{k} ({torch.cuda.get_device_name(k)})' for k in range(count)]
    return [*gpus, f'cpu ({torch.get_num_threads()} threads)']


def _import(module: str) -> None:
    if find_spec(module) or module == 'cv2':
        import_module(module)


def _extras() -> dict[str, list[str]]:
    """What each extra lacks, or has in too old a version."""
    from packaging.requirements import Requirement

    def is_there(need: Requirement) -> bool:
        version = _installed(need.name)
        return version is not None and need.specifier.contains(version, prereleases=True)

    needs = [Requirement(line) for line in metadata.requires(PACKAGE) or ()]
    needs = [need for need in needs if need.marker and not is_there(need)]
    extras = metadata.metadata(PACKAGE).get_all('Provides-Extra') or ()
    return {
        extra: [f'{n.name}{n.specifier}' for n in needs if n.marker.evaluate({'extra': extra})]
        for extra in extras
        if extra not in QUIET
    }


def _has_ops() -> bool:
    """Whether mmcv has compiled ops, which most of MMDetection needs."""
    spec = find_spec('mmcv')
    folders = spec.submodule_search_locations if spec else ()
    return any(next(Path(folder).glob('_ext.*'), None) for folder in folders)


def _weights() -> list[dict]:
    """The checkpoints that come with the package, and what their cards call them."""
    found = []
    for path in sorted((_home() / 'weights').glob('*.pth')):
        content = path.read_bytes()
        about = {'file': path.name, 'bytes': len(content), 'name': None, 'version': None}
        about['sha256'] = hashlib.sha256(content).hexdigest()
        try:
            card = json.loads(path.with_suffix('.json').read_text())
            about |= {key: card.get(key) for key in ('name', 'version')}
        except (OSError, ValueError, AttributeError):  # none, or none that can be read
            pass
        found.append(about)
    return found


if __name__ == '__main__':
    raise SystemExit(main())
