"""What is found where a user looks."""

import os

import pytest

from lsnet_mm.apis.study import find_studies


@pytest.fixture
def folder(tmp_path):
    """With a volume behind a link, which leads back, too."""
    store = tmp_path / 'store'
    store.mkdir()
    (store / '12.nii').write_bytes(b'a volume')
    (store / 'back').symlink_to(tmp_path / 'inbox')
    (tmp_path / 'inbox').mkdir()
    (tmp_path / 'inbox' / 'link').symlink_to(store)
    (tmp_path / 'inbox' / 'again').symlink_to(store)
    return tmp_path / 'inbox'


def test_links_are_followed_once(folder):
    found = find_studies([folder])
    assert [study.place for study in found.studies] == ['argument 1, 12.nii'] and not found.refused


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no pipes')
def test_what_is_no_file_is_named(folder):
    os.mkfifo(folder / '13.nii.gz')
    (folder / '14.nii').symlink_to('nowhere')
    found = find_studies([folder, folder / '13.nii.gz'])
    assert len(found.studies) == 1
    [first, second, third] = found.refused
    assert first == 'argument 1, 13.nii.gz: it is no file, or a link to nowhere. Copy it again.'
    assert second.startswith('argument 1, 14.nii: ') and third.startswith(
        'argument 2: it is no fol'
    )
