"""How a series was made, as far as its headers say, in our own words.

Most of these elements hold whatever someone wrote into them, perhaps a name: words are looked for
in them, and only what was looked for is kept.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from .dicom_file import number, quiet, read_dicom, text
from .header import MODALITIES
from .series import Series
from .stack import sort_slices, stack_heights, stack_step
from .volume import VolumeError

#: Codes of reconstruction kernels that may be repeated: those with a number of Siemens and Canon,
#: and the words and letters of GE and Philips.
_CODES = re.compile(
    r'[BDHIQSTUV][a-z]{0,2}\d{2}[a-z]{0,2}|F[CL]\d{2}'
    r'|STANDARD|SOFT|DETAIL|LUNG|BONE|BONEPLUS|EDGE|ULTRA|CHST|STND|[A-FIL]|[CEUY][A-E]'
)
#: Those for bone and lung: by name, from B50 (Siemens) or FC30 (Canon) up, or made for them.
_SHARP = re.compile(
    r'LUNG|BONE|BONEPLUS|EDGE|ULTRA|[DEFL]|Y[A-E]|FC(3|5|8)\d|FL\d\d|[A-Z][a-z]{0,2}[5-9]\d[a-z]*'
    r'|Bl\d\d[a-z]*'
)
_SHARP_WORDS = re.compile(r'\b(lung|bone|sharp|edge|knochen|lunge|hrct)\b', re.IGNORECASE)
#: What was computed of other images, and is no picture in HU of a slice.
_COMPUTED = {
    'projection': r'\b(mip|minip|maxip|projection)\b',
    'subtraction': r'\b(subtr\w*|sub|dsa)\b',
    'map': r'\b(perf\w*|iodine|jod|cbf|cbv|mtt|ttp|z ?eff|overlay|fusion|vrt)\b',
}
#: Phases of contrast. Portal venous comes before arterial: a series that holds both names it so.
_PHASES = {
    'native': r'\b(native?|(non?|pre|without|w ?o) ?(contrast|enhanced)|unenhanced)\b',
    'portal venous': r'\b(port(al|o|v)\w*|pvp?|ven|ven(ous|oe?s|ös)\w*)\b',
    'arterial': r'\b(art|arteri\w*|cta|angio\w*)\b',
    'delayed': r'\b(delay\w*|late|sp(ä|ae)t\w*|equilib\w*|excret\w*|urogr\w*)\b',
}
#: Of BodyPartExamined, which is also written as one word (CHESTABDPELVIS).
_REGIONS = {
    'abdomen': r'ABD|PANCREAS|LIVER|KIDNEY|SPLEEN|STOMACH|WHOLE ?BODY|TRUNK',
    'other': r'HEAD|BRAIN|SKULL|NECK|CHEST|THORAX|LUNG|HEART|SPINE|PELVIS|HIP|LEG|KNEE|FOOT|ARM'
    r'|HAND|EXTREM',
}


@dataclass(frozen=True)
class Traits:
    """Of one series; empty or None: its headers do not say.

    Attributes:
        modality: ``'CT'``, or another that DICOM knows.
        kind: Of its files, such as ``'CT slice'`` or ``'localizer'``.
        order: SeriesNumber; infinite where there is none.
        slices: How many.
        plane: ``'axial'``, ``'coronal'``, ``'sagittal'`` or ``'oblique'``.
        made: ``'original'``, ``'derived'``, or what was computed: ``'projection'`` and others.
        kernel: Its code, if it is one of a scanner's.
        sharp: Whether the kernel is one for bone or lung.
        thickness: Of a slice, in mm.
        apart: Between slices, in mm.
        length: From the first slice to the last, in mm.
        contrast: Whether a contrast agent is named.
        phase: Of the contrast.
        region: ``'abdomen'``, ``'other'``.
        problem: Why its files form no volume.
    """

    modality: str
    kind: str
    order: float
    slices: int
    plane: str = ''
    made: str = ''
    kernel: str = ''
    sharp: bool = False
    thickness: float | None = None
    apart: float | None = None
    length: float = 0.0
    contrast: bool | None = None
    phase: str = ''
    region: str = ''
    problem: VolumeError | None = None

    @property
    def whole(self) -> bool:
        """Whether it is a volume; a single slice is none where there is more to choose from."""
        return self.problem is None and self.slices > 1


def read_traits(series: Series) -> Traits:
    """Of a series: of all its headers where its slices are, of one file what else it says."""
    first = min(series.headers, key=lambda header: (header.instance, header.path))
    place = _place(series)
    try:
        with quiet():
            said = _said(read_dicom(first.path))
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # whatever broken bytes lead to: then it says nothing
        said = {'modality': '', 'order': math.inf}
    return Traits(kind=first.kind, **said, **place)


def _place(series: Series) -> dict:
    try:
        headers = sort_slices(series)
    except VolumeError as error:
        return {'slices': len(series.headers), 'problem': error}
    heights = stack_heights(headers)
    row, column = np.reshape(headers[0].orientation, (2, 3))
    normal = np.abs(np.cross(row, column))
    axis = int(normal.argmax())
    plane = ('sagittal', 'coronal', 'axial')[axis] if normal[axis] > 0.8 else 'oblique'
    length, apart = float(heights[-1] - heights[0]), stack_step(headers)
    return {'slices': len(headers), 'plane': plane, 'apart': apart, 'length': length}


def _said(data) -> dict:
    modality, agent = text(data, 'Modality'), text(data, 'ContrastBolusAgent')
    words = re.sub(r'[_^,;/+.-]+', ' ', _any_text(data, 'SeriesDescription'))
    image = text(data, 'ImageType').upper().split('\\')
    code = text(data, 'ConvolutionKernel').split('\\')[0].strip()
    kernel = code if _CODES.fullmatch(code) else ''
    order = number(data, 'SeriesNumber')
    thickness = number(data, 'SliceThickness')
    made = {'ORIGINAL': 'original', 'DERIVED': 'derived'}.get(image[0], '')
    sharp = _SHARP.fullmatch(kernel) if kernel else _SHARP_WORDS.search(f'{code} {words}')
    none = re.match(r'(no|none|without|ohne|nil)\b', agent, re.IGNORECASE)
    return {
        'modality': modality if modality in {'CT', *MODALITIES} else '',
        'order': order if order is not None and math.isfinite(order) else math.inf,
        'made': _word(' '.join((*image, words)), _COMPUTED) or made,
        'kernel': kernel,
        'sharp': sharp is not None,
        'thickness': thickness if thickness and 0 < thickness < 1000 else None,
        'contrast': not none if agent else None,
        'phase': _word(words, _PHASES),
        'region': _word(text(data, 'BodyPartExamined'), _REGIONS),
    }


def _any_text(data, keyword: str) -> str:
    """Decoded as the file says, for words with marks on their letters."""
    try:
        return str(data.get(keyword) or '')
    except Exception:
        return text(data, keyword)


def _word(written: str, patterns: dict[str, str]) -> str:
    """The first of our words whose pattern is found."""
    found = (word for word, one in patterns.items() if re.search(one, written, re.IGNORECASE))
    return next(found, '')
