"""A file may honestly hold more than there is memory: that is said before any of it is read."""

import os
import time
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.experiments.phantom import make_case, write_download
from lsnet_mm.volumes import VolumeError, find_series, memory, read_hu, read_nifti
from lsnet_mm.volumes.pixels import read_pixels

AFFINE = np.diag([-0.8, 0.8, 2.5, 1])


def test_gigabytes_of_zeros_behind_an_honest_header(tmp_path):
    """Four of them, in a file with a hole: it has the size that its header says."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((2048, 1024, 1025))
    header.set_sform(AFFINE, code=1)
    header['magic'], header['vox_offset'] = b'n+1', 352
    path = tmp_path / '1.nii'
    path.write_bytes(header.binaryblock + bytes(4))
    os.truncate(path, 352 + 2 * 2048 * 1024 * 1025)
    began = time.monotonic()
    with pytest.raises(VolumeError, match='^1.nii: it would be 2.1e[+]09 voxels, more than a scan'):
        read_hu(path)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize('slope, free', [(None, 20_000), (2, 61_000)])
def test_what_a_volume_takes(tmp_path, monkeypatch, slope, free):
    """2 bytes a voxel, and 4 more where they are scaled."""
    image = nib.Nifti1Image(make_case(0, 1, (40, 32, 8))[0], AFFINE)
    image.header.set_slope_inter(slope, slope)
    nib.save(image, tmp_path / '1.nii.gz')
    monkeypatch.setattr(memory, 'free_memory', lambda: free)
    with pytest.raises(VolumeError, match='^1.nii.gz: it takes .* GB of memory to read, and .* GB'):
        read_nifti(tmp_path / '1.nii.gz', scaled=np.float32)
    monkeypatch.setattr(memory, 'free_memory', lambda: free + 2000)
    assert read_nifti(tmp_path / '1.nii.gz', scaled=np.float32).voxels.shape == (40, 32, 8)


def test_a_series_of_gigabytes(tmp_path):
    """Each slice may be as large as this, but not all together."""
    root = write_download(tmp_path / 'd', 1, (40, 32, 8), withdrawn=False)
    [series], _ = find_series(root)
    headers = [replace(series.headers[0], shape=(8192, 8192))] * 33
    with pytest.raises(VolumeError, match='^a series of 33 files: it would be 2.2e[+]09 voxels'):
        next(read_pixels(headers))


def test_free_memory_is_some_of_the_machine_s():
    page = os.sysconf('SC_PAGE_SIZE') if hasattr(os, 'sysconf') else 4096
    whole = page * os.sysconf('SC_PHYS_PAGES') if hasattr(os, 'sysconf') else 1 << 40
    assert 1 << 20 < memory.free_memory() <= whole
