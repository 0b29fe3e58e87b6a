"""Checkpoints under damage, in full folders, and after kills between any two steps of a save."""

import resource
import shutil

import pytest
import torch
from mmengine.hooks import Hook
from tiny_training import assert_same_weights, train

from lsnet_mm.utils.checkpoint import CheckpointError


def names(folder):
    """Files in a folder, without mmengine's logs and configs."""
    return {path.name for path in folder.iterdir() if path.is_file() and path.suffix != '.py'}


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """An undisturbed training whose checkpoints are all kept."""
    folder = tmp_path_factory.mktemp('trained') / 'whole'
    train(folder, max_keep_ckpts=-1)
    return folder


@pytest.fixture
def stopped(whole, tmp_path):
    """The same, as if it had ended after two epochs, and moved."""
    folder = tmp_path / 'stopped'
    shutil.copytree(whole, folder)
    (folder / 'epoch_3.pth').unlink()
    (folder / 'last_checkpoint').write_text('/elsewhere/epoch_2.pth')
    return folder


def log(folder):
    return ''.join(path.read_text() for path in folder.glob('*/*.log'))


def test_what_stays_is_what_mmengine_keeps(tmp_path):
    for kind in ('CheckpointHook', 'DurableCheckpointHook'):
        train(tmp_path / kind, type=kind, max_keep_ckpts=2, save_best='val/score')
    found = names(tmp_path / 'DurableCheckpointHook')
    assert found == names(tmp_path / 'CheckpointHook')
    assert found == {'epoch_2.pth', 'epoch_3.pth', 'best_val_score_epoch_3.pth', 'last_checkpoint'}
    assert_same_weights(*tmp_path.glob('*/epoch_3.pth'))


DAMAGE = {
    'cut': lambda content: content[: len(content) // 2],
    'empty': lambda content: b'',
    'zeros': lambda content: bytes(len(content)),
    'text': lambda content: b'<html>not found</html>',
    'one bit': lambda content: content.replace(b'\x3f', b'\x3e', 1),
}


@pytest.mark.parametrize('damage', DAMAGE.values(), ids=DAMAGE)
def test_the_newest_that_loads_is_taken(whole, stopped, damage):
    newest = stopped / 'epoch_2.pth'
    newest.write_bytes(damage(newest.read_bytes()))
    train(stopped, log_level='INFO', max_keep_ckpts=-1)
    said = log(stopped)
    assert f'Passed over {newest}, which does not load' in said
    assert f'Resuming from {stopped / "epoch_1.pth"}, the newest checkpoint that loads' in said
    assert 'passed over epoch_2.pth.' in said
    assert_same_weights(whole / 'epoch_3.pth', stopped / 'epoch_3.pth')


def test_what_is_no_checkpoint_of_a_training_is_passed_over(whole, stopped):
    state = torch.load(stopped / 'epoch_2.pth', weights_only=False)
    torch.save({'state_dict': state['state_dict']}, stopped / 'epoch_2.pth')
    train(stopped, log_level='INFO', max_keep_ckpts=-1)
    assert 'it has no message_hub and no meta' in log(stopped)
    assert_same_weights(whole / 'epoch_3.pth', stopped / 'epoch_3.pth')


@pytest.mark.parametrize('pointer', [None, '', '/elsewhere/epoch_1.pth', '/gone/epoch_7.pth'])
def test_wherever_the_pointer_points(whole, stopped, pointer):
    """Nowhere, or still to the one before: a kill has come before it moved."""
    (stopped / 'last_checkpoint').unlink()
    if pointer is not None:
        (stopped / 'last_checkpoint').write_text(pointer)
        (stopped / 'epoch_2.pth').touch()  # younger
    train(stopped, log_level='INFO', max_keep_ckpts=-1)
    assert f'Resuming from {stopped / "epoch_2.pth"}' in log(stopped)
    assert_same_weights(whole / 'epoch_3.pth', stopped / 'epoch_3.pth')
    assert (stopped / 'last_checkpoint').read_text() == str(stopped / 'epoch_3.pth')


def test_what_an_earlier_training_left_is_not_resumed(whole, stopped):
    shutil.copy2(whole / 'epoch_3.pth', stopped / 'epoch_9.pth')
    train(stopped, max_keep_ckpts=-1)
    assert_same_weights(whole / 'epoch_3.pth', stopped / 'epoch_3.pth')


def test_nothing_that_loads_is_an_error(stopped):
    for path in stopped.glob('*.pth'):
        path.write_bytes(b'')
    with pytest.raises(CheckpointError, match=f'^{stopped} has no .*: epoch_2.pth, epoch_1.pth do'):
        train(stopped)
    for path in stopped.glob('*.pth'):
        path.unlink()
    with pytest.raises(CheckpointError, match='there is none. Put back one .* delete last_checkpo'):
        train(stopped)


def test_what_a_kill_has_left_is_removed(stopped):
    """The file that was being written, and the old one where the new one was already there."""
    train(stopped, epochs=2, resume=False)  # with max_keep_ckpts=1
    shutil.copy(stopped / 'epoch_2.pth', stopped / 'epoch_1.pth')
    (stopped / '.epoch_3.pth.partial').write_bytes(b'half')
    (stopped / '.epoch_3.pth.0x1.partial').write_bytes(b'half')
    train(stopped, epochs=2)
    assert names(stopped) == {'epoch_2.pth', 'last_checkpoint'}


class FullDisk(Hook):
    """No file of more than a KiB can be written from some moment of the second epoch on."""

    def __init__(self, moment):
        self.moment = moment

    def before_train_epoch(self, runner):
        self._fill('training', runner.epoch == 1)

    def before_val_epoch(self, runner):
        self._fill('validation', runner.epoch == 2)

    def _fill(self, moment, second):
        if second and moment == self.moment:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, LIMITS[1]))


LIMITS = resource.getrlimit(resource.RLIMIT_FSIZE)


@pytest.mark.parametrize(
    'moment, file, left',
    [
        ('training', 'epoch_2.pth', {'epoch_1.pth', 'best_val_score_epoch_1.pth'}),
        ('validation', 'best_val_score_epoch_2.pth', {'epoch_2.pth', 'best_val_score_epoch_1.pth'}),
    ],
)
def test_a_full_disk_is_a_sentence_and_costs_nothing(whole, tmp_path, moment, file, left):
    try:
        with pytest.raises(CheckpointError) as caught:
            train(tmp_path, FullDisk(moment), save_best='val/score')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, LIMITS)
    assert str(caught.value).startswith(f'{tmp_path}: {file} could not be written (File too large)')
    assert names(tmp_path) == left | {'last_checkpoint'}
    for path in tmp_path.glob('*.pth'):
        torch.load(path, weights_only=False)
    train(tmp_path, save_best='val/score')
    assert names(tmp_path) == {'epoch_3.pth', 'best_val_score_epoch_3.pth', 'last_checkpoint'}
    assert_same_weights(whole / 'epoch_3.pth', tmp_path / 'epoch_3.pth')


def test_another_folder(tmp_path):
    train(tmp_path / 'run', epochs=1, out_dir=str(tmp_path / 'out'))
    (tmp_path / 'run' / 'last_checkpoint').unlink()
    train(tmp_path / 'run', epochs=2, out_dir=str(tmp_path / 'out'), log_level='INFO')
    assert names(tmp_path / 'out' / 'run') == {'epoch_2.pth'}
    assert 'Resuming from' in log(tmp_path / 'run')
