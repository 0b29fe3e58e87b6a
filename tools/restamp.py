"""Files committed results under today's names and hashes, where old and new config mean the same.

    python tools/restamp.py OLD_CHECKOUT

For each result.json: the old code composes the config of the old name, whose hash must be the one
in the file; what it computes, in today's words, must be what today's config of the new name
computes. Then name and hash are replaced, and the folder moves. Anything else stops the script.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

from lsnet_mm.evaluation.computation import computation, config_sha256
from lsnet_mm.reproduction import compose, find_system
from lsnet_mm.utils.config_parts import config_parts
from lsnet_mm.utils.translation import translate

ROOT = Path(__file__).resolve().parents[1]
OLD_CODE = """
import json, pickle, sys
from pathlib import Path
from lsnet_mm.evaluation.provenance import config_sha256
from lsnet_mm.reproduction.composing import compose
found = {}
for file in sorted(Path('results').glob('**/result.json')):
    result = json.loads(file.read_text())
    asked = (result['config'], *(result['data'][key] for key in ('name', 'fold', 'split')))
    for scratch in (False, True):
        config = compose(*asked, scratch).to_dict()
        if config_sha256(config) == result['config_sha256']:
            found[str(file)] = config, scratch
            break
    else:
        sys.exit(f'{file} is not of its config')
sys.stdout.buffer.write(pickle.dumps(found))
"""
RENAMED = {
    'lsnet_small_slices': 'lsnet_small_unet_slices_native_48e',
    'lsnet_small_slices_resized': 'lsnet_small_unet_slices_resized_48e',
    'lsnet_small_slices_overfit': 'lsnet_small_unet_slices_overfit',
    'lsnet_small_slices_no_rounds': 'lsnet_small_unet_slices_native_48e_no_rounds',
    'lsnet_small_slices_no_vote': 'lsnet_small_unet_slices_native_48e_no_vote',
    'unet_small_slices': 'unet_small_slices_48e',
    'unet_small_slices_native': 'unet_small_slices_native_48e',
    'c2f_lnet_unet_w16_slices': 'lsnet_small_unet_slices_hard_crop',
    'rstn_w16_slices': 'rstn_small_unet_slices',
    'rstn_w16_slices_rounds': 'rstn_small_unet_slices_rounds',
}
NETS = ('attention_unet', 'unet', 'fcn', 'pspnet', 'deeplabv3')


def new_name(old: str) -> str:
    if old in RENAMED:
        return RENAMED[old]
    for net in NETS:
        if old.startswith(f'{net}_w16_'):
            return old.replace('_w16_', '_small_')
    system, net, rest = old.split('_', 2)
    return f'{system}_small_{net}_{rest.removeprefix("w16_")}'


def meaning(config: dict) -> dict:
    """What a config computes, with today's defaults written out."""
    model = config['model']
    if 'localizer' in model:
        # One preprocessor serves both nets; those of the nets themselves never run.
        coarse = model['localizer'].get('segmentor', {})
        own = [part.pop('data_preprocessor', None) for part in (model, model['segmentor'], coarse)]
        model['data_preprocessor'] = own[0] or own[1]
        # How the second stage would answer alone.
        for part, key in (
            (p, k) for p in (model['segmentor'], coarse) for k in ('train_cfg', 'test_cfg')
        ):
            part.pop(key, None)
        cfg = model['test_cfg'] = dict(oracle=False, rounds=0, agreement=0.95) | model['test_cfg']
        if not cfg['rounds']:
            del cfg['agreement']
    for part in config_parts(config):
        # A grey file's channels are all alike, and the preprocessor repeats one as well.
        if part.get('type') == 'LoadImageFromFile':
            part['color_type'] = 'grayscale'
    return computation(config)


def main(old: str) -> None:
    env = {**os.environ, 'PYTHONPATH': old}
    command = [sys.executable, '-W', 'ignore', '-c', OLD_CODE]
    out = subprocess.run(command, cwd=old, env=env, stdout=subprocess.PIPE, check=True).stdout
    moves, checked = {}, 0
    for name, (before, scratch) in pickle.loads(out[out.index(b'\x80') :]).items():
        file = ROOT / name
        result = json.loads(file.read_text())
        system = find_system(new_name(result['config']))
        after = compose(system, *(result['data'][k] for k in ('name', 'fold', 'split')), scratch)
        after = after.to_dict()
        sha256 = config_sha256(after)
        translate(before)
        if meaning(before) != meaning(after):
            sys.exit(f'{name}: {system.name} is another config')
        folder = next(p for p in file.parents if p.name == result['config'])
        moves[folder] = folder.with_name(system.name)
        result.update(config=system.name, config_sha256=sha256)
        file.write_text(json.dumps(result, indent=2) + '\n')
        checked += 1
    # Those whose new name is another's old one go last.
    for source, target in sorted(moves.items(), key=lambda move: move[1] in moves):
        if source != target:
            subprocess.run(['git', 'mv', source, target], cwd=ROOT, check=True)
    print(f'{checked} results in {len(moves)} folders')


if __name__ == '__main__':
    main(sys.argv[1])
