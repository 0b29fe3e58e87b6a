"""Where configs and tools are: in a checkout beside the package, in an installation inside it."""

from pathlib import Path

import lsnet_mm

_PACKAGE = Path(lsnet_mm.__file__).parent
_CHECKOUT = (_PACKAGE.parent / 'tools' / 'reproduce.py').is_file()
#: The folder of ``configs/`` and ``tools/``.
ROOT = _PACKAGE.parent if _CHECKOUT else _PACKAGE / '.mim'


def find_config(name: str) -> Path:
    """The file ``configs/<method>/<name>.py``.

    Raises:
        FileNotFoundError: If there is none.
    """
    for path in sorted(ROOT.glob(f'configs/[a-z]*/{name}.py')):
        return path
    raise FileNotFoundError(
        f'there is no config {name}.py below configs/. Add it, or correct its name in '
        'lsnet_mm/reproduction/tables.py.'
    )
