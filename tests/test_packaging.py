"""The wheel, installed where nothing else is: does it bring all that it needs?"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ('lsnet_mm', 'configs', 'tools', 'setup.py', 'pyproject.toml', 'model-index.yml')


def run(*command, cwd, **env):
    """Run a command; what it printed becomes the assertion's message when it fails."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={
            **os.environ,
            'OMP_NUM_THREADS': '1',
            **{key: str(value) for key, value in env.items()},
        },
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert result.returncode == 0, f'{command}\n{result.stdout[-4000:]}'
    return result.stdout


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Built from a copy: a build leaves its folders in the tree, and may find old ones there."""
    tree = tmp_path_factory.mktemp('tree')
    ignore = shutil.ignore_patterns('__pycache__', '.mim', '*.egg-info')
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=ignore)
        else:
            shutil.copy(source, tree / name)
    run(sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', tree, cwd=tree)
    assert not (tree / 'lsnet_mm' / '.mim').exists(), 'the build wrote into the sources'
    return next(tree.glob('*.whl'))


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    """A folder with the wheel in it and nothing else."""
    target = tmp_path_factory.mktemp('installed')
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '-q')
    run(*pip, '--no-deps', '--no-index', '--target', target, wheel, cwd=target)
    return target


def test_wheel_holds_every_source_config_and_tool(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())

    def tracked(folder, pattern):
        return {p.relative_to(ROOT).as_posix() for p in (ROOT / folder).rglob(pattern)}

    code = {name for name in tracked('lsnet_mm', '*.py') if '/.mim/' not in name}
    assert code <= names
    assert tracked('lsnet_mm/visualization/templates', '*') <= names
    mim = {f'lsnet_mm/.mim/{name}' for name in tracked('configs', '*.py') | tracked('tools', '*.*')}
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


def test_index_names_files_that_exist(installed):
    mim = installed / 'lsnet_mm' / '.mim'
    for metafile in yaml.safe_load((mim / 'model-index.yml').read_text())['Import']:
        content = yaml.safe_load((mim / metafile).read_text())
        collections = {collection['Name'] for collection in content['Collections']}
        for model in content['Models']:
            assert (mim / model['Config']).is_file(), model['Config']
            assert model['In Collection'] in collections


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
    out = run(sys.executable, '-c', code, cwd=tmp_path, PYTHONPATH=installed)
    assert out.split() == [str(installed / 'lsnet_mm' / '__init__.py'), 'False']


def test_configs_can_be_inherited_by_package_name(installed, tmp_path):
    (tmp_path / 'mine.py').write_text("_base_ = 'lsnet_mm::lsnet/lsnet_small_phantom.py'\n")
    code = (
        'from lsnet_mm.utils import allow_external_configs; allow_external_configs();'
        'from mmengine.config import Config;'
        'print(Config.fromfile("mine.py").model.type)'
    )
    out = run(sys.executable, '-c', code, cwd=tmp_path, PYTHONPATH=installed)
    assert 'MultiRound' in out.split()


@pytest.mark.slow
def test_trains_from_an_empty_folder(installed, tmp_path):
    mim = installed / 'lsnet_mm' / '.mim'
    python = (sys.executable, '-W', 'ignore')
    phantom = ('data/phantom', '--cases', 6, '--size', 64, '--slices', 8)
    run(*python, mim / 'tools/make_phantom.py', *phantom, cwd=tmp_path, PYTHONPATH=installed)
    config = mim / 'configs/lsnet/lsnet_small_phantom.py'
    run(
        *(*python, mim / 'tools/train.py', config, '--work-dir', 'run'),
        *('--cfg-options', 'train_cfg.max_epochs=1', 'param_scheduler=[]'),
        *('train_dataloader.num_workers=0', 'train_dataloader.dataset.indices=4'),
        *('val_dataloader.num_workers=0', 'test_dataloader.num_workers=0'),
        cwd=tmp_path,
        PYTHONPATH=installed,
    )
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()
