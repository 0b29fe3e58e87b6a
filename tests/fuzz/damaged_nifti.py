"""What goes wrong in a NIfTI file: in its fields, in its voxels, and in how it is packed."""

import gzip

import numpy as np
from damaged_headers import pick
from intact import BIRTH, NAME

FIELDS = {
    **dict(dim=4, pixdim=4, datatype=2, bitpix=1, vox_offset=2, scl_slope=3, scl_inter=3),
    **dict(qform_code=2, sform_code=2, quatern_b=1, quatern_c=1, quatern_d=1, qoffset_x=1),
    **dict(srow_x=2, srow_y=2, srow_z=2, xyzt_units=2, magic=1, sizeof_hdr=1, intent_code=1),
    **dict(cal_max=1, slice_code=1, dim_info=1, toffset=1),
}
NUMBERS = (0, -0.0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 64, 512, 1024, 0.5, 1e-3, 1e-9, 1e3, 1e9, 1e30)
NUMBERS += (-1024, -1000, 32767, np.nan, np.inf, -np.inf, 256, 768, 2304, 128, 32, 352, 353, 540)


def field(rng, header, voxels):
    """Any number in it, a multiple of what is there, or nothing at all."""
    raw, name = header.structarr, pick(rng, FIELDS)
    entry = np.array(raw[name])
    if entry.dtype.kind == 'S':
        raw[name] = [b'ni1', b'n+2', b'', b'n+1', b'xxx'][rng.integers(5)]
        return voxels, f'{name} is {bytes(raw[name])}'
    flat = entry.reshape(-1).copy()
    k, value = int(rng.integers(min(len(flat), 5))), NUMBERS[rng.integers(len(NUMBERS))]
    with np.errstate(all='ignore'):
        if rng.random() < 0.3:
            value = float(flat[k]) * rng.choice([-1, 2, 0.5, 1000, 0.001, 1.02])
        if entry.dtype.kind in 'iu':
            value = int(np.nan_to_num(value, nan=0, posinf=32767, neginf=-32768))
            limits = np.iinfo(entry.dtype)
            value = min(max(value, limits.min), limits.max)
        flat[k] = value
    raw[name] = flat.reshape(entry.shape) if entry.ndim else flat[0]
    return voxels, f'{name}[{k}] is {value}'


def placement(rng, header, voxels):
    """Forms that contradict each other, tell nothing, or shear."""
    kind = str(rng.choice(['none', 'identity', 'swap', 'flip', 'shear', 'shift', 'nan', 'units']))
    affine = header.get_best_affine() if kind != 'none' else None
    if kind == 'none':
        header['qform_code'] = header['sform_code'] = 0
    elif kind == 'identity':
        header.set_sform(np.eye(4), 1)
        header.set_qform(np.eye(4), int(rng.integers(2)))
    elif kind == 'units':
        unit = int(rng.choice([0, 1, 2, 3, 4, 7, 8, 10, 17]))
        header.structarr['xyzt_units'] = unit
        if unit in (1, 3) and rng.random() < 0.5:
            affine[:3] *= 0.001 if unit == 1 else 1000
            header.set_sform(affine, 1)
            header.set_qform(affine, 1)
        kind = f'unit {unit}'
    else:
        if kind == 'swap':
            affine = affine[:, [1, 0, 2, 3]]
        elif kind == 'flip':
            affine = affine * [[-1, 1, 1, 1], [1, 1, -1, 1]][rng.integers(2)]
        elif kind == 'shear':
            affine[:3, 2] += rng.choice([0.001, 0.02, 0.2]) * affine[:3, 0]
        elif kind == 'shift':
            affine[:3, 3] += rng.choice([0.01, 1, 100])
        else:
            affine[int(rng.integers(3)), int(rng.integers(4))] = np.nan
        header.set_sform(affine, 1)
        if rng.random() < 0.5:
            header['qform_code'] = 0
    return voxels, f'placement: {kind}'


def values(rng, header, voxels):
    """No HU, no numbers, or some that are none."""
    dtype = header.get_data_dtype()
    stored = np.frombuffer(voxels[: len(voxels) // dtype.itemsize * dtype.itemsize], dtype).copy()
    kind = str(rng.choice(['nan', 'inf', 'huge', 'scores', 'shifted', 'short', 'long', 'positive']))
    spot = int(rng.integers(len(stored))) if len(stored) else 0
    with np.errstate(all='ignore'):
        if kind in ('nan', 'inf', 'huge') and dtype.kind == 'f':
            stored[spot] = {'nan': np.nan, 'inf': np.inf, 'huge': 1e30}[kind]
        elif kind == 'scores':
            stored = ((stored - stored.mean()) / stored.std()).astype(dtype)
        elif kind == 'shifted':
            stored = (stored + 1024).astype(dtype)
        elif kind == 'positive':
            stored = np.abs(stored)
    voxels = stored.tobytes()
    if kind == 'short':
        voxels = voxels[: int(rng.integers(len(voxels) + 1))]
    elif kind == 'long':
        voxels += bytes(int(rng.choice([1, 512, 6000, 60000])))
    return voxels, f'voxels: {kind}'


def more_axes(rng, header, voxels):
    kind = int(rng.integers(4))
    raw = header.structarr
    if kind == 0:
        raw['dim'][0] = int(rng.choice([4, 5, 7]))
    elif kind == 1:
        raw['dim'][0], raw['dim'][4] = 4, int(rng.choice([2, 0, 3]))
        if raw['dim'][4] > 0 and rng.random() < 0.5:
            voxels = voxels * int(raw['dim'][4])
    elif kind == 2:
        raw['dim'][3], raw['dim'][4], raw['dim'][0] = 1, raw['dim'][3], 4
    else:
        raw['dim'][0] = 2
    return voxels, f'axes of kind {kind}'


def other_dtype(rng, header, voxels):
    """Of as many bytes, or not; colours and complex numbers, too."""
    code = int(
        rng.choice([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 2304, 9999])
    )
    raw = header.structarr
    raw['datatype'] = code
    if rng.random() < 0.6:
        bits = {1: 1, 2: 8, 4: 16, 8: 32, 16: 32, 32: 64, 64: 64, 128: 24, 256: 8, 512: 16, 768: 32}
        raw['bitpix'] = bits.get(code, 64)
    return voxels, f'datatype {code}'


FIELD_DAMAGES = {field: 6, placement: 3, values: 2, more_axes: 1, other_dtype: 1}


def containers(rng, content: bytes, odd: bool) -> tuple[str, bytes, str]:
    """Name, bytes, and what is odd about them, if anything."""
    kind = str(rng.choice(['nii', 'gz'] if not odd else ['nii'] * 5 + ['gz'] * 5 + [
        'capital', 'gz as nii', 'nii as gz', 'twice', 'two members', 'trailing zeros', 'trailing',
        'checksum', 'length', 'cut', 'broken', 'name in gzip', 'patient', 'img', 'hdr', 'hidden',
    ]))  # fmt: skip
    packed = gzip.compress(content, 1, mtime=0)
    half = int(rng.integers(len(content)))
    spot = int(rng.integers(10, len(packed)))
    named = b'\x1f\x8b\x08\x08' + packed[4:10] + f'{NAME}_{BIRTH}.nii\0'.encode() + packed[10:]
    broken = packed[:spot] + bytes([packed[spot] ^ 1 << int(rng.integers(8))]) + packed[spot + 1 :]
    name, made = {
        'nii': ('12.nii', content),
        'gz': ('12.nii.gz', packed),
        'capital': ('12.NII.GZ', packed),
        'gz as nii': ('12.nii', packed),
        'nii as gz': ('12.nii.gz', content),
        'twice': ('12.nii.gz', gzip.compress(packed)),
        'two members': ('12.nii.gz', gzip.compress(content[:half]) + gzip.compress(content[half:])),
        'trailing zeros': ('12.nii.gz', packed + bytes(int(rng.integers(1, 600)))),
        'trailing': ('12.nii.gz', packed + b'</html>'),
        'checksum': ('12.nii.gz', packed[:-8] + bytes(4) + packed[-4:]),
        'length': ('12.nii.gz', packed[:-4] + b'\1\2\3\4'),
        'cut': (
            '12.nii.gz',
            packed[: int(rng.choice([spot, len(packed) - 4, len(packed) - 8, 12]))],
        ),
        'broken': ('12.nii.gz', broken),
        'name in gzip': ('12.nii.gz', named),
        'patient': (f'{NAME}_{BIRTH}.nii.gz', packed),
        'img': ('12.img', content),
        'hdr': ('12.hdr', content),
        'hidden': ('.12.nii', content),
    }[kind]
    return name, made, '' if kind in ('nii', 'gz') else f'container: {kind}'
