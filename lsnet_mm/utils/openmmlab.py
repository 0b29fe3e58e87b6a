from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

from mmengine.config.utils import MODULE2PACKAGE


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
