"""What is written of PNG and JPG pictures, and what cannot be."""

import re
from collections.abc import Collection, Iterable

from ..volumes import VolumeError
from .study import Study
from .tidy_up import TidyUp

#: What may be written of pictures, and how names of its files end, of a slice before its number.
KINDS = {'mask': '_mask', 'probability': '_probability', 'preview': ''}


def picture_names(study: Study, kinds: Collection[str]) -> list[str]:
    """Names of the files of pictures: a mask each, by their own numbers, and one montage."""
    numbers = [f'_{number}' for number in study.pictures.numbers] or ['']
    return [
        f'{study.name}{ending}{number}.png'
        for kind, ending in KINDS.items()
        for number in (numbers if ending else [''])
        if kind in kinds
    ]


def stale_names(study: Study, listed: Iterable[str]) -> list[str]:
    """Those of masks, out of what an earlier record lists: a case may have lost a slice since."""
    ours = re.compile(rf'{re.escape(study.name)}_(mask|probability)(_\d+)?\.png')
    return [name for name in listed if study.pictures and ours.fullmatch(name)]


def check_pictures(kinds: Collection[str], tidy_up: TidyUp) -> None:
    """Refuse what pictures cannot have.

    Raises:
        VolumeError: It says which option to leave out.
    """
    if other := sorted({*kinds} - {*KINDS}):
        reason = 'a picture says nothing of the DICOM files that it was made from'
        fix = ' and '.join(f'--{kind.replace("_", "-")}' for kind in other)
        raise VolumeError('the picture', reason, f'Leave out {fix}')
    if tidy_up.min_volume_ml:
        raise VolumeError('the picture', 'it has no millilitres', 'Leave out --min-volume')
