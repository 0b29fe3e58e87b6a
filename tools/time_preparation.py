"""Time the preparation of a Pancreas-CT download against pydicom alone, then slices at random from
what was prepared against .nii.gz: seconds of one core, with the files in the system's cache."""

import argparse
import gzip
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import nibabel as nib
import numpy as np
import pydicom

from lsnet_mm.preparation import find_pancreas_ct, prepare
from lsnet_mm.volumes import Pool, open_nifti, read_slice


def medians(calls: list[Callable], repeats: int) -> list[float]:
    """Seconds of each call. They take turns, so that what slows the machine slows all of them."""
    times = []
    for _ in range(repeats):
        for call in calls:
            start = process_time()
            call()
            times.append(process_time() - start)
    return [median(times[k :: len(calls)]) for k in range(len(calls))]


def decode(files: list[Path]) -> None:
    for file in files:
        _ = pydicom.dcmread(file).pixel_array


def convert(download: Path, out: Path) -> list[dict]:
    """Prepare everything anew; returns the records of the cases."""
    shutil.rmtree(out, ignore_errors=True)
    with Pool(1) as pool:
        return prepare(find_pancreas_ct(download), out, pool)['cases']


def slices_per_second(image: Path, count: int) -> tuple[float, float]:
    """Random slices from a prepared image, and from the same image compressed, by nibabel."""
    packed = image.with_suffix('.nii.gz')
    packed.write_bytes(gzip.compress(image.read_bytes(), compresslevel=1))
    numbers = np.random.default_rng(0).integers(open_nifti(image).shape[2], size=count)
    ours = [lambda k=k: read_slice(image, k) for k in numbers]
    theirs = [lambda k=k: np.asarray(nib.load(packed).dataobj[..., k]) for k in numbers[:10]]
    return tuple(len(calls) / sum(medians(calls, 1)) for calls in (ours, theirs))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('download', type=Path, help='folder of DICOM series and labels')
    parser.add_argument('--repeats', type=int, default=5, help='medians are of so many (5)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with TemporaryDirectory() as folder:
        out = Path(folder, 'prepared')
        refused = [case for case in convert(args.download, out) if 'error' in case]
        if refused:
            sys.exit(f'time_preparation: {refused[0]["case"]}: {refused[0]["error"]}')
        cases = find_pancreas_ct(args.download).cases
        files = [header.path for case in cases for one in case.series for header in one.headers]
        size = sum(file.stat().st_size for file in files) / 1e6
        calls = [lambda: decode(files), lambda: convert(args.download, out)]
        alone, ours = medians(calls, args.repeats)
        print(f'{"pydicom alone":24}{size / alone:8.0f} MB/s')
        print(f'{"preparation":24}{size / ours:8.0f} MB/s, {100 * alone / ours:.0f} % of it')
        mapped, packed = slices_per_second(next(out.glob('imagesTr/*.nii')), 200)
        print(f'{"slices at random":24}{mapped:8.0f} a second')
        print(f'{"from .nii.gz":24}{packed:8.1f} a second, {mapped / packed:.0f} times as slow')


if __name__ == '__main__':
    main()
