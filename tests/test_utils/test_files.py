"""Files are whole or not there, whoever else writes, and whatever the disk says."""

import multiprocessing
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from lsnet_mm.utils.files import (
    fingerprint,
    locked,
    partial_name,
    read_json,
    remove_partials,
    replace_folder,
    write_atomic,
    write_files,
)

unix = pytest.mark.skipif(sys.platform == 'win32', reason='no links, limits and forks')


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def small_disk():
    """Files of more than 1000 bytes cannot be written."""
    resource = pytest.importorskip('resource')
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_failure_leaves_all_old_files(tmp_path, small_disk):
    old = {'a': b'old a', 'b': b'old b', 'c': b'old c'}
    write_files(tmp_path, old)
    with pytest.raises(OSError, match='File too large'):
        write_files(tmp_path, {'a': b'new', 'b': bytes(2000), 'c': b'new'}, gone=['c'])
    with pytest.raises(OSError, match='File too large'):
        write_atomic(tmp_path / 'a', bytes(2000))
    assert content(tmp_path) == old


def test_a_folder_in_the_place_of_a_file(tmp_path):
    (tmp_path / 'b').mkdir()
    with pytest.raises(IsADirectoryError):
        write_files(tmp_path, {'a': b'new', 'b': b'new'})
    assert [path.name for path in tmp_path.iterdir()] == ['b']


@unix
def test_links_are_replaced_and_not_followed(tmp_path, monkeypatch):
    victim, path = tmp_path / 'victim', tmp_path / 'out' / 'a'
    victim.write_bytes(b'precious')
    path.parent.mkdir()
    path.symlink_to(victim)
    write_atomic(path, b'new')
    assert not path.is_symlink() and path.read_bytes() == b'new'
    monkeypatch.setattr('secrets.token_hex', lambda size: '0' * 2 * size)  # guessed by somebody
    (path.parent / partial_name('a')).symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomic(path, b'newer')
    assert victim.read_bytes() == b'precious' and path.read_bytes() == b'new'


@unix
def test_others_may_read_what_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        path = write_atomic(tmp_path / 'a', b'')
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def count_up(path: Path) -> None:
    for _ in range(50):
        with locked(path.with_name('.lock')):
            write_atomic(path, str(int(path.read_text()) + 1).encode())


@unix
def test_a_lock_is_one_though_its_file_goes(tmp_path):
    """Four processes count up; without a lock they overwrite each other's sums."""
    path = write_atomic(tmp_path / 'sum', b'0')
    context = multiprocessing.get_context('spawn')
    counting = [context.Process(target=count_up, args=(path,)) for _ in range(4)]
    for one in counting:
        one.start()
    for one in counting:
        one.join()
    assert content(tmp_path) == {'sum': b'200'}


def test_who_does_not_wait_is_told(tmp_path):
    with (
        locked(tmp_path / '.lock'),
        pytest.raises(FileExistsError, match='out is in use by another command. Wait'),
        locked(tmp_path / '.lock', of=Path('out')),
    ):
        pass
    assert content(tmp_path) == {}


def test_what_was_killed_is_removed(tmp_path):
    for name in (
        '.a.0123abcd.partial',
        '.b.c.89efabcd.partial',
        '.d.partial',
        'a.0123abcd.partial',
    ):
        (tmp_path / name).write_bytes(b'')
    remove_partials(tmp_path, 'a')
    assert '.a.0123abcd.partial' not in content(tmp_path) and len(content(tmp_path)) == 3
    remove_partials(tmp_path)
    assert sorted(content(tmp_path)) == ['.d.partial', 'a.0123abcd.partial']


def test_a_folder_is_replaced_whole(tmp_path):
    out = tmp_path / 'out'
    stale = tmp_path / '.out.0123abcd.partial'
    for folder in (out, stale):
        folder.mkdir()
        (folder / 'old').write_bytes(b'old')
    with pytest.raises(ZeroDivisionError), replace_folder(out, 'set', ['*'], True) as folder:
        (folder / 'new').write_bytes(b'new')
        raise ZeroDivisionError
    assert content(out) == {'old': b'old'}
    with replace_folder(out, 'set', ['*'], True) as folder:
        (folder / 'new').write_bytes(b'new')
        with (
            pytest.raises(FileExistsError, match='is in use by another command'),
            replace_folder(out, 'set', ['*'], True),
        ):
            pass
    assert content(out) == {'new': b'new'}
    assert [path.name for path in tmp_path.iterdir()] == ['out']


@pytest.mark.parametrize('text', [b'', b'x', b'[1]', b'"x"', b'\xff\xfe', b'[' * 100_000])
def test_json_that_was_damaged_by_hand(tmp_path, text):
    (tmp_path / 'a.json').write_bytes(text)
    assert read_json(tmp_path / 'a.json') == {} == read_json(tmp_path / 'b.json')


def test_json_of_an_editor_that_marks_its_bytes(tmp_path):
    (tmp_path / 'a.json').write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / 'a.json') == {'a': 1}


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems refuse such names')
def test_fingerprint_of_names_that_are_no_text(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b'/M\xfcller.nii'))
    path.write_bytes(b'')
    before = fingerprint([path])
    assert fingerprint([path]) == before
    os.utime(path, ns=(1, time.time_ns()))
    assert fingerprint([path]) != before
