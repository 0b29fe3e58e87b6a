"""What goes wrong in the elements of a CT series: changes to its slices before they are written."""

import numpy as np
import pydicom
from intact import BIRTH, NAME, PATIENT, ROOT
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

TEXTS = {
    'GantryDetectorTilt': 2,
    'ImageOrientationPatient': 3,
    'ImagePositionPatient': 4,
    'ImageType': 1,
    'InstanceNumber': 2,
    'Modality': 1,
    'NumberOfFrames': 1,
    'PatientID': 1,
    'PhotometricInterpretation': 1,
    'PixelSpacing': 3,
    'RescaleIntercept': 4,
    'RescaleSlope': 4,
    'RescaleType': 1,
    'SOPClassUID': 1,
    'SOPInstanceUID': 1,
    'SeriesInstanceUID': 2,
    'SliceThickness': 1,
    'SpacingBetweenSlices': 1,
    'SpecificCharacterSet': 1,
    'StudyInstanceUID': 1,
}
SHORTS = {
    'BitsAllocated': 2,
    'BitsStored': 3,
    'Columns': 3,
    'HighBit': 2,
    'PixelPaddingValue': 2,
    'PixelPaddingRangeLimit': 2,
    'PixelRepresentation': 3,
    'PlanarConfiguration': 1,
    'Rows': 3,
    'SamplesPerPixel': 1,
}
NUMBERS = (
    *('', ' ', '0', '-0', '1', '-1', '1.0', '2', '0.5', '1e-9', '1e9', '1e400', '-1024', '-1000'),
    *('0,5', '-1024,0', 'NaN', 'inf', '-inf', 'abc', 'None', '0x10', '1\\2', '1\\1\\1', '\\'),
    *('--1', '+1', '1.', '.5', '1 2', '9' * 20, '1_0', '\u0661', NAME, BIRTH, '\x1b[2J'),
)  # fmt: skip
WORDS = ('', 'CT', 'MR', 'OT', 'SR', 'HU', 'OD', 'US', 'LOCALIZER', 'ISO_IR 192', 'ISO 2022 IR 87')
WORDS += (
    'utf8',
    '\\ISO_IR 13',
    'MONOCHROME1',
    'RGB',
    'PALETTE COLOR',
    f'{ROOT}.9',
    '1.2.3',
    '1..2',
)
WORDS += ('1.2.840.10008.5.1.4.1.1.7', '1.2.840.10008.5.1.4.1.1.2.1', f'{NAME}^\x1b[31m', PATIENT)


def pick(rng, weights):
    share = np.array(list(weights.values()), float)
    return list(weights)[rng.choice(len(share), p=share / share.sum())]


def some(rng, slices):
    """All of them, one, an end, or any."""
    n = len(slices)
    kind = rng.integers(6)
    if kind < 2:
        return list(slices)
    if kind < 5:
        return [slices[[rng.integers(n), 0, n - 1][kind - 2]]]
    return [one for one in slices if rng.random() < 0.5] or [slices[0]]


def raw(data, keyword, value):
    """An element as no writer would have it: pydicom checks what it is given."""
    tag = Tag(tag_for_keyword(keyword))
    vr = dictionary_VR(tag)
    vr = ('SS' if data.get('PixelRepresentation') else 'US') if ' or ' in vr else vr
    syntax = data.file_meta.TransferSyntaxUID
    implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
    value += (b'\0' if vr == 'UI' else b' ') * (len(value) % 2)
    data[tag] = RawDataElement(tag, vr, len(value), value, 0, implicit, little, True)


def text(rng, slices):
    keyword = pick(rng, TEXTS)
    numeric = dictionary_VR(keyword) in ('DS', 'IS') and rng.random() < 0.8
    value = str(rng.choice(NUMBERS if numeric else WORDS))
    one_of = rng.random() < 0.7
    for data in some(rng, slices):
        parts = written(data, keyword).split('\\')
        if one_of and len(parts) > 1:
            parts[rng.integers(len(parts))] = value
        raw(data, keyword, ('\\'.join(parts) if one_of and len(parts) > 1 else value).encode())
    return f'{keyword} is {value!r}'


def written(data, keyword):
    element = data.get_item(keyword)
    if element is None:
        return ''
    if isinstance(element.value, bytes):
        return element.value.decode('utf-8', 'replace').strip(' \0')
    return '\\'.join(map(str, element.value)) if element.VM > 1 else str(element.value)


def short(rng, slices):
    keyword = pick(rng, SHORTS)
    change = rng.integers(-4, 9)
    values = [0, 1, 2, 7, 8, 10, 11, 12, 13, 15, 16, 24, 31, 32, 64, 255, 2000, 63536, 65535, 30768]
    value = int(rng.choice(values))
    count = int(rng.choice([0, 1, 1, 1, 1, 1, 2, 3]))
    length = int(rng.choice([2, 2, 2, 2, 1, 4]))
    for data in some(rng, slices):
        now = data.get(keyword)
        now = now + int(change) if isinstance(now, int) and rng.random() < 0.3 else value
        order = 'little' if data.file_meta.TransferSyntaxUID.is_little_endian else 'big'
        raw(data, keyword, ((now & 0xFFFF).to_bytes(2, order) * count)[: length * max(count, 1)])
    return f'{keyword} is {count} x {value} or {change:+}'


def removed(rng, slices):
    keyword = pick(rng, {**TEXTS, **SHORTS, 'PixelData': 1})
    for data in some(rng, slices):
        if keyword in data:
            del data[keyword]
    return f'no {keyword}'


def swapped(rng, slices):
    """Between two slices, or two elements of a slice."""
    keyword, other = pick(rng, TEXTS), pick(rng, TEXTS)
    if rng.random() < 0.5:
        one, two = (slices[k] for k in rng.choice(len(slices), 2, replace=False))
        other = keyword
        pairs = [(one, two)]
    else:
        pairs = [(data, data) for data in some(rng, slices)]
    for one, two in pairs:
        first, second = written(one, keyword), written(two, other)
        raw(one, keyword, second.encode())
        raw(two, other, first.encode())
    return f'{keyword} and {other} swapped'


def more_values(rng, slices):
    keyword = pick(rng, TEXTS)
    for data in some(rng, slices):
        raw(data, keyword, f'{written(data, keyword)}\\{rng.choice(NUMBERS)}'.encode())
    return f'one value more of {keyword}'


def fewer_values(rng, slices):
    keyword = str(rng.choice(['ImagePositionPatient', 'ImageOrientationPatient', 'PixelSpacing']))
    for data in some(rng, slices):
        raw(data, keyword, written(data, keyword).rpartition('\\')[0].encode())
    return f'one value fewer of {keyword}'


def places(slices):
    try:
        return np.array([written(one, 'ImagePositionPatient').split('\\') for one in slices], float)
    except ValueError:
        return None


def moved(rng, slices):
    """Positions permuted, uneven, sheared, scaled, rounded, mirrored, or all one."""
    where = places(slices)
    if where is None or where.shape[1:] != (3,):
        return 'nothing moved'
    n = len(slices)
    step = (where[-1] - where[0]) / (n - 1)
    length = np.linalg.norm(step)
    height = np.arange(n)[:, None]
    kind = str(rng.choice(['permuted', 'one', 'jitter', 'bent', 'tilted', 'scaled', 'rounded',
                           'mirrored', 'same', 'far', 'gap', 'axis']))  # fmt: skip
    if kind == 'permuted':
        where = where[rng.permutation(n)]
    elif kind == 'one':
        where[rng.integers(n)] += rng.uniform(-1, 1) * step
    elif kind == 'jitter':
        where = where + rng.normal(0, rng.choice([1e-4, 1e-3, 0.01, 0.1]), (n, 1)) * step
    elif kind == 'bent':
        where = where + height**2 * step * rng.choice([0.001, 0.01, 0.1])
    elif kind == 'tilted':
        where = where + height * length * rng.choice([0.005, 0.02, 0.2]) * rng.normal(0, 1, 3)
    elif kind == 'scaled':
        where = where * rng.choice([0.001, 0.1, 10, 1000, -1])
    elif kind == 'rounded':
        where = where.round(int(rng.integers(0, 3)))
    elif kind == 'mirrored':
        where = where * [[-1, 1, 1], [1, 1, -1]][rng.integers(2)]
    elif kind == 'same':
        where[rng.integers(n)] = where[rng.integers(n)]
    elif kind == 'far':
        where = where + rng.choice([1e4, 1e6, 1e9])
    elif kind == 'gap':
        where[rng.integers(1, n) :] += step * rng.integers(1, 4)
    else:
        where = where[:, rng.permutation(3)]
    for one, place in zip(slices, where, strict=True):
        raw(one, 'ImagePositionPatient', '\\'.join(f'{x:.6g}' for x in place).encode())
    return f'positions {kind}'


def lost(rng, slices):
    for _ in range(rng.integers(1, 4)):
        if len(slices) > 1:
            del slices[int(rng.choice([0, len(slices) - 1, rng.integers(len(slices))]))]
    return f'{len(slices)} slices are left'


def twice(rng, slices):
    """A slice, or all, once more: with or without its UIDs, and as another phase or series."""
    kind = str(rng.choice(['copy', 'instance', 'phase', 'series', 'values']))
    again = []
    for data in some(rng, slices):
        other = pydicom.Dataset(data)
        other.file_meta = pydicom.dataset.FileMetaDataset(data.file_meta)
        other.preamble, other.is_twin = bytes(128), True
        if kind != 'copy':
            other.SOPInstanceUID = f'{ROOT}.5.{len(again)}'
        if kind == 'phase':
            other.AcquisitionNumber = '2'
        if kind == 'series':
            other.SeriesInstanceUID = f'{ROOT}.6'
        if kind == 'values' and isinstance(other.get('PixelData'), bytes):
            other.PixelData = other.PixelData[::-1]
        again.append(other)
    slices += again
    return f'{len(again)} slices twice ({kind})'


def scales(rng, slices):
    """A scale for every slice, or a table; as PET has, and some CT."""
    kind = int(rng.integers(4))
    for k, data in enumerate(slices):
        if kind == 0:
            raw(data, 'RescaleSlope', f'{1 + k / 50:g}'.encode())
        elif kind == 1:
            raw(data, 'RescaleIntercept', str(-1000 - 10 * k).encode())
        elif kind == 2:
            raw(data, 'RescaleSlope', b'1.5')
        else:
            table = pydicom.Dataset()
            table.add_new('LUTDescriptor', 'US', [4, 0, 16])
            table.add_new('LUTData', 'OW', bytes(8))
            data.ModalityLUTSequence = [table]
    return f'scales of kind {kind}'


def depth(rng, slices):
    """Bits that agree with each other, and not with the voxels; or other things in unused bits."""
    kind = int(rng.integers(4))
    stored = int(rng.choice([8, 9, 10, 11, 12, 13, 14, 15, 16]))
    for data in some(rng, slices):
        if kind == 0:
            data.BitsStored, data.HighBit = stored, stored - 1
        elif kind == 1:
            data.PixelRepresentation = 1 - int(data.get('PixelRepresentation') == 1)
        elif kind == 2:
            data.BitsAllocated = int(rng.choice([8, 12, 16, 32]))
        elif isinstance(data.get('PixelData'), bytes) and data.get('BitsAllocated') == 16:
            values = np.frombuffer(data.PixelData[: len(data.PixelData) // 2 * 2], 'u2').copy()
            values[rng.integers(len(values), size=9)] ^= 0x8000 >> int(rng.integers(5))
            data.PixelData = values.tobytes()
    return f'bits of kind {kind}, {stored}'


def uids(rng, slices):
    kind = str(rng.choice(['own', 'empty', 'one', 'instances', 'patient', 'odd']))
    chosen = some(rng, slices)
    for k, data in enumerate(slices):
        if kind == 'own':
            data.SeriesInstanceUID = f'{ROOT}.7.{k + 1}'
        elif kind == 'empty':
            data.SeriesInstanceUID = ''
        elif kind == 'instances':
            data.SOPInstanceUID = f'{ROOT}.8'
        elif kind == 'one' and data in chosen[:1]:
            data.SeriesInstanceUID = f'{ROOT}.9'
        elif kind == 'patient' and data in chosen[:1]:
            data.PatientID = f'{PATIENT}-2'
        elif kind == 'odd':
            raw(data, 'SeriesInstanceUID', f'{ROOT}.X.{NAME}'.encode())
    return f'UIDs: {kind}'


def pixels(rng, slices):
    kind = str(rng.choice(['short', 'long', 'empty', 'float', 'bytes', 'frames', 'turned']))
    for data in some(rng, slices):
        content = data.get('PixelData')
        if not isinstance(content, bytes) or data.file_meta.TransferSyntaxUID.is_encapsulated:
            continue
        if kind == 'short':
            data.PixelData = content[: int(rng.integers(len(content) // 2)) * 2]
        elif kind == 'long':
            data.PixelData = content + bytes(int(rng.choice([1, 2, 56, 112, len(content)])) * 2)
        elif kind == 'empty':
            data.PixelData = b''
        elif kind == 'float':
            data.FloatPixelData = content + content
            del data.PixelData
        elif kind == 'bytes':
            data['PixelData'].VR = 'OB'
        elif kind == 'frames':
            data.NumberOfFrames = int(rng.choice([0, 1, 2]))
        elif 'Rows' in data and 'Columns' in data:
            rows, columns = data.get_item('Rows'), data.get_item('Columns')
            first, second = rows.value, columns.value
            if isinstance(first, int) and isinstance(second, int):
                data.Rows, data.Columns = second, first
    return f'pixel data: {kind}'


def strange(rng, slices):
    """Valid or not, in elements that nobody needs."""
    kind = str(rng.choice(['private', 'unknown', 'charset', 'long', 'overlay']))
    for data in some(rng, slices):
        if kind == 'private':
            data.private_block(0x11, NAME, create=True).add_new(1, 'UN', bytes(range(256)))
        elif kind == 'unknown':
            data.add_new(0x00287FFE, 'UN', b'\xff' * 10)
        elif kind == 'charset':
            raw(data, 'SpecificCharacterSet', b'ISO 2022 IR 149\\nonsense')
            raw(data, 'PatientName', b'\x1b$)C\xff\xfe\x80')
        elif kind == 'long':
            data.ImageComments = NAME * 2000
        else:
            data.add_new(0x60000010, 'US', 8)
            data.add_new(0x60003000, 'OW', bytes(64))
    return f'strange: {kind}'


HEADERS = {
    text: 6, short: 4, removed: 3, swapped: 2, more_values: 1, fewer_values: 1, moved: 5, lost: 2,
    twice: 3, scales: 1, depth: 3, uids: 2, pixels: 3, strange: 1,
}  # fmt: skip
