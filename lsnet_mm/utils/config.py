"""Parts of configs: which there are, which name pretrained weights, what old ones are called; and
those of OpenMMLab, whose packages have other names here and there, or (MMDetection) are optional.
"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.config.utils import MODULE2PACKAGE

_IN_PIXELS = ('', '0.1.0')
_ROUNDS = dict(rounds=1, agreement=0.95)  # the wrapper's own defaults


def config_parts(node: object) -> Iterator[dict]:
    """All dicts in a (nested) config, outer ones first; what a caller takes out is not entered."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list | tuple):
        for child in node:
            yield from config_parts(child)


def walk(node: object, path: str = '') -> Iterator[tuple[str, object]]:
    """Dotted paths and values, lists by index: what mmengine merges options by."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        below = f'{path}.{key}' if path else str(key)
        yield below, value
        if isinstance(value, dict | list):
            yield from walk(value, below)


def pretrained_parts(cfg: dict) -> Iterator[tuple[dict, str]]:
    """The parts of a (nested) config that name weights, and under which key they do."""
    for part in config_parts(cfg):
        init_cfg = part.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            yield part, 'init_cfg'
        if isinstance(part.get('pretrained'), str):
            yield part, 'pretrained'


def train_from_scratch(model_cfg: dict) -> None:
    """Removes pretrained weights from a model's config: parts start from random weights."""
    for part, key in pretrained_parts(model_cfg):
        part[key] = None


def translate(config: Config | dict, version: str | None = None) -> None:
    """Rewrites, in place, what this version has other words for.

    - The wrapper ``MultiRound`` became the setting ``test_cfg=dict(rounds=, agreement=)`` of the
      two-stage model that it wrapped; weights were saved under that model's names. A config that
      inherits one without the wrapper may still speak of ``model.model`` and ``model.rounds``.
    - ``channels`` of a grey slice became the affair of the data preprocessor.
    - ``margin`` was in pixels of the image, whatever its width; a config that says nothing of the
      ``reference_width`` is known to be so old only where the version is.

    Args:
        config: One as read, from a file or out of a checkpoint, options included.
        version: Of lsnet_mm that wrote it, where that is known; ``''`` for one that left no mark.
    """
    model = config.get('model')
    if isinstance(model, dict):
        if str(model.get('type')).split('.')[-1] == 'MultiRound':
            config['model'] = _unwrap(model['model'], _ROUNDS | model)
        elif 'localizer' in model and {'model', *_ROUNDS} & model.keys():
            inner = Config._merge_a_into_b(model.pop('model', {}), model)
            config['model'] = _unwrap(inner, model)
    for part in config_parts(config._cfg_dict if isinstance(config, Config) else config):
        if part.get('type') in ('LoadCTSlice', 'CTSliceFromMemory'):
            part.pop('channels', None)
        if version in _IN_PIXELS and part.get('type') in ('RoIRecalibration', 'HardCrop'):
            part.setdefault('reference_width', None)


def _unwrap(model: dict, wrapper: dict) -> dict:
    """The model with the wrapper's settings among its own."""
    rounds = {key: wrapper[key] for key in _ROUNDS if key in wrapper}
    model = {key: value for key, value in model.items() if key not in _ROUNDS}
    model['test_cfg'] = {**(model.get('test_cfg') or {}), **rounds}
    if wrapper.get('data_preprocessor'):
        model['data_preprocessor'] = wrapper['data_preprocessor']
    return model


def allow_external_configs() -> None:
    """Make `_base_ = 'mmseg::...'` and `'lsnet_mm::...'` work whatever the packages are called.

    mmengine turns the module's name into a distribution's name and looks that up. The maintained
    forks have other names (onedl-mmsegmentation), and the lookup fails though `mmseg` is there.
    Given the module's own name, mmengine falls back to where Python would import it from. Names
    that work already are left alone. Call it before `Config.fromfile`.
    """
    MODULE2PACKAGE.setdefault('lsnet_mm', 'lsnet_mm')
    for module, package in MODULE2PACKAGE.items():
        try:
            distribution(package)
        except PackageNotFoundError:
            if find_spec(module) is not None:
                MODULE2PACKAGE[module] = module


def config_path(name: str | Path) -> Path:
    """The file of a config; ``lsnet_mm::lsnet/NAME.py`` is one that an installed package brings.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    package, colons, inner = str(name).partition('::')
    places = [Path(name)]
    spec = find_spec(package) if colons and package.isidentifier() else None
    if spec and spec.origin:  # in a checkout that is not installed they lie beside the package
        home = Path(spec.origin).parent
        places += [home / '.mim' / 'configs' / inner, home.parent / 'configs' / inner]
    if found := next(filter(Path.is_file, places), None):
        return found
    raise FileNotFoundError(f'config not found: {name}')


def require_mmdet() -> None:
    """Goes on only where MMDetection's models can be built.

    Raises:
        ImportError: With what is missing, and how to have it.
    """
    missing = [module for module in ('mmdet', 'mmcv._ext') if find_spec(module) is None]
    if missing:
        raise ImportError(
            f'This model has parts of MMDetection, and {missing[0]} is not there: it needs '
            "pip install 'lsnet_mm[mmdet]' and an mmcv with compiled ops, as docs/mmdet.md says."
        )


def detector_config(name: str) -> ConfigDict:
    """The model of one of MMDetection's own configs, for ``DetectorLocalizer``.

    Read in a config, it becomes a part of it: what tools do with weights, exports and hashes
    holds for the detector, too. Below ``_base_``, or mmengine takes the config for one of its
    other kind::

        from lsnet_mm.utils import detector_config
        detector = detector_config('rtmdet/rtmdet_tiny_8xb32-300e_coco.py')

    Two things differ from the file: every ``num_classes`` is 1, because an object is one or not,
    and there is no ``data_preprocessor``, because LSNet's own has normalised the images.

    Args:
        name: Path of the config below MMDetection's ``configs`` folder.

    Raises:
        ImportError: If MMDetection or compiled ops are missing.
        FileNotFoundError: If there is no such config.
    """
    require_mmdet()
    model = Config.fromfile(config_path(f'mmdet::{name}')).model
    model.pop('data_preprocessor', None)
    for part in config_parts(model):
        if 'num_classes' in part:
            part['num_classes'] = 1
    return model
