#!/usr/bin/env bash
# The second environment, .venv-openmmlab: OpenMMLab's own packages as most users have them, on
# torch 2.1. It takes 6 GB, for PyPI's torch of that time brings CUDA's libraries.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON311:-python3.11}
venv=.venv-openmmlab
constraints=requirements/constraints-openmmlab.txt
[ "$venv/.ready" -nt "$constraints" ] && [ "$venv/.ready" -nt setup.py ] && exit

"$python" -m venv --clear "$venv"
pip="$venv/bin/python -m pip install -q --disable-pip-version-check -c $constraints"
$pip torch
$pip mmcv-lite mmdet -e '.[openmmlab-originals,test]'

# mmsegmentation imports mmcv's ops, which take most of an hour to compile and which no test of
# this leg calls: names alone stand for them. This is no part of the package.
"$venv/bin/python" - <<'STUB'
from importlib.util import find_spec
from pathlib import Path

Path(find_spec('mmcv').origin).with_name('_ext.py').write_text('''
def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)

    def op(*args, **kwargs):
        raise RuntimeError(f'{name}: this mmcv has no compiled ops')

    return op
''')
STUB
touch "$venv/.ready"
