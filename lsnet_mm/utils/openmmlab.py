"""What differs between installations of OpenMMLab: names of packages, and MMDetection, which is
optional because its models need an mmcv with compiled ops."""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.config.utils import MODULE2PACKAGE

from .config import config_parts

_NEEDED_FOR_MMDET = {
    'mmdet': "MMDetection is not installed: pip install 'lsnet_mm[mmdet]'",
    'mmcv._ext': (
        "mmcv has no compiled ops (no mmcv._ext), which MMDetection's models import: "
        'install an mmcv wheel that has them, or compile it, as docs/mmdet.md says'
    ),
}


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


def require_mmdet() -> None:
    """Goes on only where MMDetection's models can be built.

    Raises:
        ImportError: With what is missing, and how to have it.
    """
    for module, message in _NEEDED_FOR_MMDET.items():
        if find_spec(module) is None:
            raise ImportError(f'This model has parts of MMDetection. {message}.')


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
    configs = Path(find_spec('mmdet').origin).parent / '.mim' / 'configs'
    model = Config.fromfile(configs / name).model
    model.pop('data_preprocessor', None)
    for part in config_parts(model):
        if 'num_classes' in part:
            part['num_classes'] = 1
    return model
