"""What goes wrong with files: on the way, on the disk, and by those who rename them."""

import gzip
import os
import shutil
import zipfile

from intact import BIRTH, NAME
from pydicom import uid

SYNTAXES = (
    *(uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian),
    *(uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless),
    *(uid.JPEG2000Lossless, uid.JPEGLosslessSV1, uid.JPEGBaseline8Bit, uid.HTJ2KLossless),
    *('1.2.840.10008.1.2.4.100', '1.2.3', ''),
)


def change(path, function):
    """Content by content, if it is a regular file."""
    if path.is_file() and path.stat().st_size:
        path.write_bytes(function(bytearray(path.read_bytes())))


def truncated(rng, paths):
    kinds = [lambda n: n // 2, lambda n: n - 1, lambda n: n - 2, lambda n: 100, lambda n: 0]
    kinds += [lambda n: rng.integers(n), lambda n: min(n, 140 + rng.integers(900))]
    kind = int(rng.integers(len(kinds)))
    for path in few(rng, paths):
        change(path, lambda content: content[: int(kinds[kind](len(content)))])
    return f'truncated ({kind})'


def few(rng, paths):
    """An end, one, or all."""
    paths = sorted(paths)
    if not paths:
        return []
    kind = rng.integers(5)
    return paths if kind == 4 else [paths[[0, -1, rng.integers(len(paths)), 0][kind]]]


def where(rng, content):
    """Mostly in the header."""
    end = min(len(content), 1500) if rng.random() < 0.75 else len(content)
    return int(rng.integers(end))


def flipped(rng, paths):
    count, share = int(rng.choice([1, 1, 1, 2, 8, 64])), []

    def flip(content):
        for _ in range(count):
            k = where(rng, content)
            content[k] ^= (
                1 << int(rng.integers(8)) if rng.random() < 0.6 else int(rng.integers(256))
            )
            share.append(k)
        return content

    for path in few(rng, paths):
        change(path, flip)
    return f'bytes flipped at {share[:3]}'


def inserted(rng, paths):
    extra = bytes(rng.integers(0, 256, int(rng.choice([1, 2, 3, 8, 100])), 'u1'))

    def insert(content):
        k = where(rng, content)
        return content[:k] + extra + content[k:]

    for path in few(rng, paths):
        change(path, insert)
    return f'{len(extra)} bytes inserted'


def cut_out(rng, paths):
    length = int(rng.choice([1, 2, 8, 100]))

    def cut(content):
        k = where(rng, content)
        return content[:k] + content[k + length :]

    for path in few(rng, paths):
        change(path, cut)
    return f'{length} bytes cut out'


def blank(rng, paths):
    """As a sector that was never written."""
    length = int(rng.choice([4, 16, 128, 512, 4096]))

    def clear(content):
        k = where(rng, content)
        content[k : k + length] = bytes(len(content[k : k + length]))
        return content

    for path in few(rng, paths):
        change(path, clear)
    return f'{length} bytes are zeros'


def trailing(rng, paths):
    kinds = (
        b'\0',
        bytes(512),
        b'</html>\r\n',
        bytes(5000),
        b'\x1f\x8b',
        b'\xfc\xff\xfc\xff\0\0\2\0AB',
    )
    extra = kinds[rng.integers(len(kinds))]
    for path in few(rng, paths):
        change(path, lambda content: content + extra)
    return f'{len(extra)} bytes after the end'


def leading(rng, paths):
    extra = (b'\0', b'\xef\xbb\xbf', bytes(128), b'HTTP/1.1 200 OK\r\n\r\n')[rng.integers(4)]
    for path in few(rng, paths):
        change(path, lambda content: extra + content)
    return f'{len(extra)} bytes before the beginning'


def headless(rng, paths):
    for path in few(rng, paths):
        change(path, lambda content: content[132:])
    return 'no preamble'


def other_syntax(rng, paths):
    new = SYNTAXES[rng.integers(len(SYNTAXES))]

    def rename(content):
        for old in map(str, filter(None, SYNTAXES)):
            old_bytes = old.encode() + b'\0' * (len(old) % 2)
            k = content.find(b'\x02\0\x10\0UI')
            if k >= 0 and content[k + 8 : k + 8 + len(old_bytes)] == old_bytes:
                written = new.encode() + b'\0' * (len(new) % 2)
                length = len(written).to_bytes(2, 'little')
                content[k + 6 : k + 8 + len(old_bytes)] = length + written
                change = len(written) - len(old_bytes)
                group = int.from_bytes(content[140:144], 'little') + change
                content[140:144] = (group % 2**32).to_bytes(4, 'little')
                break
        return content

    for path in few(rng, paths):
        change(path, rename)
    return f'another transfer syntax, {new}'


def wrong_length(rng, paths):
    """Of any element that begins on an even byte with a VR."""
    value = int(rng.choice([0, 1, 7, 100, 1000, 65535, 2**31, 2**32 - 1, 2**32 - 2]))

    def lengthen(content):
        vrs = (b'CS', b'DS', b'IS', b'LO', b'PN', b'UI', b'US', b'OW', b'OB', b'DA')
        spots = [
            k for k in range(0, min(len(content), 3000), 2) if bytes(content[k : k + 2]) in vrs
        ]
        if spots:
            k = int(rng.choice(spots))
            long = bytes(content[k : k + 2]) in (b'OW', b'OB')
            size = 4 if long else 2
            start = k + 4 if long else k + 2
            content[start : start + size] = (value % 256**size).to_bytes(size, 'little')
        return content

    for path in few(rng, paths):
        change(path, lengthen)
    return f'the length of an element is {value}'


def deep(rng, paths):
    """Sequences in sequences, of no length, before the pixel data."""
    depth, mark, end = int(rng.choice([5, 100, 3000])), b'\xff' * 4, bytes(4)
    vr = b'SQ\0\0' if rng.random() < 0.7 else b''
    begin = b'\x40\0\x75\2' + vr + mark + b'\xfe\xff\0\xe0' + mark
    finish = b'\xfe\xff\x0d\xe0' + end + b'\xfe\xff\xdd\xe0' + end
    pixels = b'\xe0\x7f\x10\0'
    new = begin * depth + finish * depth + pixels
    for path in few(rng, paths):
        change(path, lambda content: content.replace(pixels, new, 1))
    return f'{depth} sequences in each other'


def renamed(rng, paths):
    kind = int(rng.integers(8))
    for k, path in enumerate(few(rng, paths)):
        names = (path.stem, path.stem + '.DCM', '.' + path.name, f'{NAME}_{BIRTH}_{k}.dcm')
        names += (
            path.name + '.bak',
            f'520229-{k:04d}.dcm',
            f'a\nb\x1b[31m{k}.dcm',
            path.name + '.gz',
        )
        if os.path.lexists(path):
            path.rename(path.with_name(names[kind]))
    return f'renamed ({kind})'


def no_suffix(rng, paths):
    for k, path in enumerate(sorted(paths)):
        path.rename(path.with_name(f'IM{k:04d}' if rng.random() < 0.9 else f'IM{k:04d}.x'))
    return 'no suffixes'


def not_utf8(rng, paths):
    for path in few(rng, paths):
        path.rename(os.fsdecode(os.fsencode(path.parent) + b'/\xff\xfe' + os.fsencode(path.name)))
    return 'a name that is not UTF-8'


def linked(rng, paths):
    kind = int(rng.integers(6))
    path = few(rng, paths)[0]
    folder = path.parent
    if kind == 0:
        folder.joinpath('again').symlink_to(folder)
    elif kind == 1:
        path.with_name('9-link.dcm').symlink_to(path.name)
    elif kind == 2:
        path.with_name('9-nowhere.dcm').symlink_to('nothing')
    elif kind == 3:
        store = folder.parent / f'{folder.name}_store'
        store.mkdir(exist_ok=True)
        target = store / path.name
        shutil.move(path, target)
        path.symlink_to(target)
    elif kind == 4:
        os.link(path, path.with_name('9-hard' + path.suffix))
    else:
        store = folder.parent / f'{folder.name}_store'
        shutil.move(folder, store)
        folder.mkdir()
        folder.joinpath('scan').symlink_to(store)
    return f'linked ({kind})'


def company(rng, paths):
    """Other things that lie in a folder."""
    kind = int(rng.integers(11))
    path = few(rng, paths)[0]
    own = path.with_name('8-001' + path.suffix)
    if kind == 0:
        os.mkfifo(own)
    elif kind == 1:
        own.mkdir()
    elif kind == 2:
        own.touch()
    elif kind == 3:
        own.write_text(f'{NAME}^Gudrun {BIRTH}')
    elif kind == 4:
        path.with_name('._' + path.name).write_bytes(b'\0\5\x16\7\0\2\0\0Mac OS X' + bytes(300))
    elif kind == 5:
        with zipfile.ZipFile(path.with_name('scan.zip'), 'w') as file:
            file.write(path, 'scan' + path.suffix)  # its own name may be no text
    elif kind == 6:
        path.with_name('Thumbs.db').write_bytes(b'\xd0\xcf\x11\xe0' + bytes(500))
        path.with_name('DICOMDIR').write_bytes(bytes(128) + b'DICM' + bytes(40))
    elif kind == 7:
        path.with_name('LICENSE').write_text('CC BY 3.0')
    elif kind == 8:
        path.with_name('9-000.nii.gz').write_bytes(gzip.compress(path.read_bytes()))
    elif kind == 9:
        path.with_name('0-000.nii').mkdir()
    else:
        os.mkfifo(path.with_name('7.nii.gz'))
    return f'company ({kind})'


def packed(rng, paths):
    """Compressed once, or once more."""
    for path in few(rng, paths):
        change(path, lambda content: gzip.compress(content, 1))
    return 'packed by gzip'


def nested(rng, paths):
    """In folders of their own, named after the patient."""
    for k, path in enumerate(sorted(paths)):
        folder = path.parent / f'{NAME}^{BIRTH}' / str(k % 2)
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    return 'nested'


def replaced(rng, paths):
    """One file's content is in another, from some byte on."""
    one, two = (sorted(paths)[k] for k in rng.choice(len(paths), 2, replace=len(paths) < 2))
    if one.is_file() and two.is_file():
        other = two.read_bytes()
        k = int(rng.integers(len(other) + 1)) if rng.random() < 0.7 else 0
        change(one, lambda content: content[:k] + other[k:])
    return 'the content of another file'


ANY = {truncated: 4, flipped: 7, inserted: 2, cut_out: 2, blank: 2, trailing: 2, leading: 1,
       linked: 2, company: 3, not_utf8: 1, packed: 1}  # fmt: skip
DICOM = {**ANY, headless: 1, other_syntax: 3, wrong_length: 3, renamed: 3, no_suffix: 1, nested: 1,
         replaced: 2, deep: 1}  # fmt: skip
