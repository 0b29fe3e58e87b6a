"""Kills, two commands and a full disk: nothing half-made is taken for done, nothing is mixed."""

import multiprocessing
import os
import shutil
import subprocess
import sys

import pytest
from downloads import prepare_download, tree

KILLS = int(os.environ.get('LSNET_MM_KILLS', 4))
PAIRS = int(os.environ.get('LSNET_MM_PAIRS', 8))
unix = pytest.mark.skipif(sys.platform == 'win32', reason='no forks and mounts')


def killed(download, out, countdown: int, steps) -> None:
    """Prepare, but die before a call of the system that changes the disk."""

    def audit(event, args):
        nonlocal countdown
        writes = event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wxa')
        steps_on_disk = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir')
        if (writes or event in steps_on_disk) and str(out) in os.fsdecode(args[0]):
            if not countdown:
                os._exit(9)
            countdown -= 1
            steps.value += 1

    sys.addaudithook(audit)
    os._exit(prepare_download(download, out))


@pytest.mark.slow
@unix
def test_killed_before_a_step_on_disk(pristine, prepared, tmp_path):
    """And killed once more, somewhere in what goes on from there."""
    context, out, expected = multiprocessing.get_context('fork'), tmp_path / 'out', tree(prepared)

    def run(countdown: int) -> tuple[int, int]:
        steps = context.Value('i', 0)
        process = context.Process(target=killed, args=(pristine, out, countdown, steps))
        process.start()
        process.join()
        return process.exitcode, steps.value

    _, whole = run(10_000)
    assert tree(out) == expected
    moments = sorted({round(k * (whole - 1) / max(KILLS - 1, 1)) for k in range(KILLS)})
    for step in moments:
        shutil.rmtree(out)
        assert run(step)[0] == 9
        run(step // 2)
        found = tree(out)
        if 'dataset.json' in found:  # by which others know a whole set
            assert {name: expected[name] for name in found if name in expected}.items() <= (
                found.items()
            )
            assert expected.keys() <= found.keys()
        assert run(10_000)[0] == 0 and tree(out) == expected
    print(f'{len(moments)} of {whole} steps on disk')


def meet(barrier, download, outs, codes) -> None:
    for out in outs:
        barrier.wait()
        codes.put(prepare_download(download, out))


@pytest.mark.slow
@unix
def test_two_commands_at_once(pristine, prepared, tmp_path):
    """One may be refused, in a sentence; the set is whole."""
    context = multiprocessing.get_context('fork')
    barrier, codes = context.Barrier(2), context.Queue()
    outs = [tmp_path / f'out{k}' for k in range(PAIRS)]
    both = [context.Process(target=meet, args=(barrier, pristine, outs, codes)) for _ in range(2)]
    for process in both:
        process.start()
    found = [codes.get(timeout=120) for _ in range(2 * PAIRS)]
    for process in both:
        process.join()
    assert set(found) <= {0, 2} and found.count(0) >= PAIRS
    for out in outs:
        assert tree(out) == tree(prepared)
    print(f'{PAIRS} pairs, {found.count(2)} refused')


@unix
def test_full_disk_that_grows(pristine, prepared, tmp_path, capsys):
    """One of two cases fits on it, and both when there is more space."""
    out = tmp_path / 'disk'
    out.mkdir()

    def mount(kilobytes: int, more: str = '') -> bool:
        options = ['-o', f'size={kilobytes}k{more}']
        command = ['mount', '-t', 'tmpfs', *options, 'tmpfs', str(out)]
        return bool(shutil.which('mount')) and not subprocess.run(command).returncode

    if not mount(480):
        pytest.skip('no tmpfs can be mounted here, it takes root')
    try:
        assert prepare_download(pristine, out) == 1
        errors = capsys.readouterr().err
        assert 'PANCREAS_0002: a file cannot be read or written (No space left on device)' in errors
        assert [path.name for path in (out / 'imagesTr').iterdir()] == ['PANCREAS_0001_0000.nii']
        assert mount(4000, ',remount')
        assert prepare_download(pristine, out) == 0
        assert tree(out) == tree(prepared)
    finally:
        subprocess.run(['umount', str(out)], check=True)
