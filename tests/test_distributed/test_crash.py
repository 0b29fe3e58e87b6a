"""A rank that is killed ends the job, and the job goes on from its last checkpoint."""

import pytest
from alternation import assert_same_state
from launch import ROOT, finish, run, start

from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.utils import safe_torch_load

CONFIG = f"""
_base_ = '{ROOT}/configs/lsnet/lsnet_small_phantom.py'
data_root = 'data'
train_dataloader = dict(
    batch_size=2, num_workers=1, dataset=dict(data_root=data_root, slices='foreground', indices=10)
)
val_dataloader = dict(num_workers=0, dataset=dict(data_root=data_root, indices=2))
train_cfg = dict(max_epochs=3, val_interval=3)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))
custom_imports = dict(imports=[*_base_.custom_imports.imports, 'accident'])
custom_hooks = [*_base_.custom_hooks, dict(type='Accident')]
"""
TRAIN = ('bash', ROOT / 'tools' / 'dist_train.sh', 'config.py', 2, '--work-dir')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('crash')
    write_prepared(folder / 'data', 4, shape=(64, 64, 12), seed=0)
    (folder / 'config.py').write_text(CONFIG)
    return folder


@pytest.fixture(scope='module')
def undisturbed(folder):
    run(*TRAIN, 'whole', cwd=folder)
    return folder / 'whole'


@pytest.fixture(scope='module')
def killed(folder):
    """The work folder, the exit code and what was printed."""
    process = start(*TRAIN, 'killed', cwd=folder, ACCIDENT='1')
    text = finish(process)
    return folder / 'killed', process.returncode, text


def test_a_killed_rank_ends_the_job(killed):
    _, code, text = killed
    assert code != 0
    assert 'Signal 9 (SIGKILL)' in text and 'rank      : 1' in text


def test_the_last_checkpoint_is_whole(killed):
    checkpoint = safe_torch_load((killed[0] / 'last_checkpoint').read_text().strip())
    assert checkpoint['meta']['epoch'] == 1
    assert not (killed[0] / 'epoch_2.pth').exists()


def test_resumed_training_ends_where_an_undisturbed_one_does(undisturbed, killed, folder):
    run(*TRAIN, 'killed', '--resume', cwd=folder)
    assert_same_state(undisturbed / 'epoch_3.pth', killed[0] / 'epoch_3.pth')
