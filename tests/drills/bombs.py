"""Segments a folder with bombs in it: some megabytes that inflate to gigabytes, pipes, tall claims.

    python tests/drills/bombs.py

Prints the counts as JSON. The scan beside them has to be segmented as without them, each bomb to be
refused in a sentence, and neither may cost more memory or time than a scan does.
"""

import gzip
import json
import os
import re
import sys
import tempfile
import time
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]

from threshold_segmentor import write_model  # noqa: E402

from lsnet_mm.apis.command import main as segment  # noqa: E402
from lsnet_mm.experiments.phantom import make_case, write_download  # noqa: E402

SHAPE = (40, 32, 10)
PIECE = 1 << 24
PIECES = 384  # 6 GiB
#: Most that bombs may cost, in MiB and seconds.
MEMORY, TIME = 200, 30


def nifti(shape=SHAPE, **fields):
    """Header and voxels of a scan; the header may say anything."""
    image = nib.Nifti1Image(make_case(0, 1, SHAPE)[0], np.diag([-1, 1, 2, 1]))
    header = nib.Nifti1Header(image.to_bytes()[:348], check=False)
    header['dim'][1:4] = shape
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + image.to_bytes()[348:]


def write_series(folder):
    """The folder of its files."""
    root = write_download(folder, 1, SHAPE, withdrawn=False)
    next(root.rglob('label*')).unlink()
    return next(root.rglob('*.dcm')).parent


def zeros_in_gzip():
    return gzip.compress(bytes(PIECE), 9) * PIECES


def deflated(path, **elements):
    """A slice that is followed by gigabytes of zeros."""
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    data.save_as(path)
    content = path.read_bytes()
    end = 144 + int.from_bytes(content[140:144], 'little')
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = packer.compress(zlib.decompress(content[end:], -zlib.MAX_WBITS))
    start += packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(content[:end] + start + piece * PIECES + packer.flush())


def write_bombs(folder):
    """Each in a folder of its own; these."""
    honest = nifti((2048, 1024, 1536))  # 6 GiB, as many as follow

    def copy(name, **options):
        deflated(min(write_series(folder / name).iterdir()), **options)

    def write(name, content):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)

    write('zeros/1.nii.gz', gzip.compress(nifti()) + zeros_in_gzip())
    write('honest/2.nii.gz', gzip.compress(honest) + zeros_in_gzip())
    write('tall/3.nii', nifti((30_000, 30_000, 30_000)))
    write('header/4.nii.gz', gzip.compress(nifti(vox_offset=4e9)) + zeros_in_gzip())
    copy('deflated')
    copy('rows', Rows=60_000, Columns=60_000)
    for name in ('pipe/1.dcm', 'pipe/scan'):
        (folder / name).parent.mkdir(exist_ok=True)
        os.mkfifo(folder / name)
    return sorted(folder.iterdir())


def run(model, out, *studies):
    """Exit code, seconds, MiB at most, and what a command says, in a process of its own."""
    began = time.monotonic()
    log = out.with_suffix('.log')
    if not (pid := os.fork()):
        with log.open('w') as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            arguments = [*studies, '-m', *model, '-o', out, '--device', 'cpu']
            code = segment([str(one) for one in arguments])
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    _, status, used = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code, time.monotonic() - began, used.ru_maxrss / 1024, log.read_text()


def main(folder):
    model = write_model(folder / 'model')
    scan = write_series(folder / 'scan')
    bombs = write_bombs(folder / 'bombs')
    code, seconds, memory, said = run(model, folder / 'alone', scan)
    assert code == 0, said
    mask = (folder / 'alone' / 'study_001.nii.gz').read_bytes()
    code, more_seconds, more_memory, said = run(model, folder / 'out', scan, *bombs)
    counts = {
        'bombs': len(bombs),
        'refused': len(set(re.findall(r'argument (\d).*: .*\. ', said)) - {'1'}),
        'MiB more': round(more_memory - memory),
        'seconds more': round(more_seconds - seconds, 1),
    }
    print(said)
    print(json.dumps(counts))
    assert code == 1 and (folder / 'out' / 'study_001.nii.gz').read_bytes() == mask
    assert not [*(folder / 'out').glob('*_002*')] and 'Please report it' not in said
    assert counts['refused'] == len(bombs)
    assert counts['MiB more'] < MEMORY and counts['seconds more'] < TIME


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
