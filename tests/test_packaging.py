"""What a release uploads, installed where nothing else is: does it bring all that it needs?"""

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import (
    PackageNotFoundError,
    distributions,
    metadata,
    packages_distributions,
    requires,
)
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ('lsnet_mm', 'configs', 'tools', 'setup.py', 'pyproject.toml', 'model-index.yml')
SOURCES += ('lsnet_info.py', 'MANIFEST.in', 'README.md', 'LICENSE')


def run(*command, cwd, **env):
    """Run a command; what it printed becomes the assertion's message when it fails."""
    result = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=os.environ | {'OMP_NUM_THREADS': '1'} | env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert result.returncode == 0, f'{command}\n{result.stdout[-4000:]}'
    return result.stdout


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    """The folder of a source distribution and of the wheel that is built from it alone.

    From a copy of the tree: a build leaves its folders there, and may find old ones.
    """
    tree = tmp_path_factory.mktemp('tree')
    ignore = shutil.ignore_patterns('__pycache__', '.mim', '*.egg-info')
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, tree / name)
    run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', tree / 'dist', cwd=tree)
    assert not (tree / 'lsnet_mm' / '.mim').exists(), 'the build wrote into the sources'
    return tree / 'dist'


@pytest.fixture(scope='module')
def wheel(release):
    return next(release.glob('*.whl'))


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    """A folder with the wheel in it and nothing else."""
    target = tmp_path_factory.mktemp('installed')
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '-q')
    run(*pip, '--no-deps', '--no-index', '--target', target, wheel, cwd=target)
    return target


def test_an_index_takes_the_release(release):
    files = sorted(release.iterdir())
    assert [file.suffix for file in files] == ['.whl', '.gz']
    run(sys.executable, '-m', 'twine', 'check', '--strict', *files, cwd=release)


def test_wheel_holds_every_source_config_and_tool(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())

    def tracked(folder, pattern):
        return {p.relative_to(ROOT).as_posix() for p in (ROOT / folder).rglob(pattern)}

    code = {name for name in tracked('lsnet_mm', '*.py') if '/.mim/' not in name}
    assert code <= names
    assert tracked('lsnet_mm/visualization/templates', '*') <= names
    mim = {f'lsnet_mm/.mim/{name}' for name in tracked('configs', '*.*') | tracked('tools', '*.*')}
    assert {name for name in mim if '__pycache__' not in name} <= names
    assert 'lsnet_mm/.mim/model-index.yml' in names
    assert not [name for name in names if '__pycache__' in name or name.startswith('tests')]


def test_base_requirements_leave_openmmlab_and_torch_alone(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith('/METADATA'))
    lines = archive.read(metadata).decode().splitlines()
    required = [line for line in lines if line.startswith('Requires-Dist') and 'extra' not in line]
    assert required
    assert not [line for line in required if 'mm' in line or 'torch' in line]


def test_what_is_imported_is_required():
    """By the base requirements and the extras; at the top of a module, by those of [openmmlab]."""
    always, anywhere = set(), set()
    for path in (ROOT / 'lsnet_mm').rglob('*.py'):
        if '.mim' in path.parts:
            continue
        tree = ast.parse(path.read_text())
        always |= imported(tree.body)
        anywhere |= imported(ast.walk(tree))
    own = {*sys.stdlib_module_names, 'lsnet_mm', '__future__'}
    of = packages_distributions()
    every = [e for e in metadata('lsnet_mm').get_all('Provides-Extra') if e not in ('test', 'dev')]
    at_the_top = ['openmmlab', 'onnx']  # the module that runs ONNX is of use with that alone
    for modules, extras in ((always - own, at_the_top), (anywhere - own, every)):
        there = {name for name in modules if name in of}
        allowed = requirements('lsnet_mm', extras)
        assert there and not [m for m in there if not allowed & set(map(normal, of[m]))]


def imported(nodes):
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split('.')[0])
    return names


def normal(name):
    return re.sub('[-_.]+', '-', name).lower()


def requirements(package, extras=()):
    """Names of all that a package brings along, as far as it is installed."""
    seen, waiting = set(), {(package, frozenset(extras))}
    while waiting:
        name, wanted = one = waiting.pop()
        seen.add(one)
        with contextlib.suppress(PackageNotFoundError):
            for need in map(Requirement, requires(name) or ()):
                given = [{'extra': extra} for extra in wanted or ('',)]
                if need.marker is None or any(map(need.marker.evaluate, given)):
                    waiting |= {(need.name, frozenset(need.extras))} - seen
    return {normal(name) for name, _ in seen}


def test_index_and_metafiles_name_every_config_once(installed):
    """And nothing else; collections have names of their own."""
    mim = installed / 'lsnet_mm' / '.mim'
    configs, collections = [], []
    for metafile in yaml.safe_load((mim / 'model-index.yml').read_text())['Import']:
        content = yaml.safe_load((mim / metafile).read_text())
        here = {collection['Name'] for collection in content['Collections']}
        collections += here
        for model in content['Models']:
            assert model['In Collection'] in here
            assert Path(model['Config']).stem == model['Name']
            assert {'Training Data'} <= set(model['Metadata'])
            configs.append(model['Config'])
    there = sorted(p.relative_to(mim).as_posix() for p in mim.glob('configs/[a-z]*/*.py'))
    assert sorted(configs) == there
    assert len(set(collections)) == len(collections)


def test_an_editable_install_links_to_the_sources():
    origins = [d.read_text('direct_url.json') for d in distributions(name='lsnet_mm')]
    origins = [json.loads(text) for text in origins if text]
    editable = [o['url'] for o in origins if o.get('dir_info', {}).get('editable')]
    if not editable:
        pytest.skip('lsnet_mm is not installed in editable form')
    home = Path(unquote(urlparse(editable[0]).path))
    for name in ('configs', 'tools', 'model-index.yml'):
        assert (home / 'lsnet_mm' / '.mim' / name).resolve() == home / name


def test_message_without_openmmlab(installed, tmp_path):
    """-I -S: no site-packages, so no OpenMMLab."""
    code = f'import sys; sys.path.insert(0, {str(installed)!r}); import lsnet_mm'
    result = subprocess.run(
        [sys.executable, '-I', '-S', '-c', code], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode != 0
    assert "pip install 'lsnet_mm[openmmlab]'" in result.stderr


def test_import_is_light(installed, tmp_path):
    code = 'import lsnet_mm, sys; print(lsnet_mm.__file__, "torch" in sys.modules)'
    out = run(sys.executable, '-c', code, cwd=tmp_path, PYTHONPATH=str(installed))
    assert out.split() == [str(installed / 'lsnet_mm' / '__init__.py'), 'False']


MINE = """
_base_ = 'lsnet_mm::lsnet/lsnet_small_phantom.py'
segmentor = dict(
    type='EncoderDecoder', train_cfg=dict(), test_cfg=dict(mode='whole'), _delete_=True,
    backbone=dict(type='MixVisionTransformer', embed_dims=16, num_layers=[1, 1, 1, 1]),
    decode_head=dict(
        type='SegformerHead', in_channels=[16, 32, 64, 128], in_index=[0, 1, 2, 3], channels=32,
        num_classes=2, out_channels=1, threshold=0.5, loss_decode=dict(type='FocalDiceLoss')))
model = dict(segmentor=segmentor)
train_cfg = dict(max_epochs=1)
"""


@pytest.fixture(scope='module')
def environment(wheel, tmp_path_factory):
    """The Python of a new environment: the wheel is in it; what it needs, in that of the tests."""
    folder = tmp_path_factory.mktemp('environment')
    venv.create(folder, with_pip=False)
    python = folder / 'bin' / 'python'
    where = 'import sysconfig; print(sysconfig.get_path("purelib"))'
    site = Path(run(python, '-c', where, cwd=folder).strip())
    under = sysconfig.get_path('purelib')
    (site / 'under.pth').write_text(f'import site; site.addsitedir({under!r})\n')
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', '--python', python)
    run(*pip, 'install', '-q', '--no-deps', '--no-index', '--ignore-installed', wheel, cwd=folder)
    return python


@pytest.mark.slow
def test_a_users_own_config_trains_and_tests_in_an_empty_folder(environment, tmp_path):
    """Inherited from ours by the package's name, with another S-Net in ten lines."""
    home = (environment, '-c', 'import lsnet_mm; print(lsnet_mm.__path__[0])')
    package = Path(run(*home, cwd=tmp_path).strip())
    assert package.is_relative_to(environment.parents[1]), 'not the one from the wheel'
    tools, python = package / '.mim' / 'tools', (environment, '-W', 'ignore')
    phantom = ('data/phantom', '--cases', 6, '--size', 64, '--slices', 8)
    run(*python, tools / 'make_phantom.py', *phantom, cwd=tmp_path)
    (tmp_path / 'mine.py').write_text(MINE)
    quick = ['--cfg-options', 'param_scheduler=[]', 'train_dataloader.dataset.indices=4']
    quick += [f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')]
    printed = run(*python, tools / 'train.py', 'mine.py', *quick, cwd=tmp_path)
    assert 'is not installed' not in printed and 'Failed to' not in printed
    checkpoint = 'work_dirs/mine/epoch_1.pth'
    run(*python, tools / 'test.py', 'mine.py', checkpoint, '--work-dir', 'out', cwd=tmp_path)
    assert 'case/dsc' in json.loads((tmp_path / 'out' / 'result.json').read_text())['metrics']
    run(environment.parent / 'lsnet-segment', '--help', cwd=tmp_path)
    info = json.loads(run(environment.parent / 'lsnet-info', '--json', cwd=tmp_path))
    assert info['lsnet_mm'] and info['extras']['openmmlab'] == [] and not info['problems']
