"""Weights that come along: checkpoints that bring their config, each with a card beside it."""

import hashlib
import json
from pathlib import Path

FOLDER = Path(__file__).parents[1] / 'weights'
#: What segments where no model is named.
DEFAULT = 'lsnet_small_unet_slices_mask'


def find_weights(weights: str | Path = DEFAULT) -> Path:
    """The checkpoint of a model.

    Args:
        weights: A file, or a model that comes along, by the name of its config.

    Raises:
        FileNotFoundError: If it is neither.
    """
    files = FOLDER / f'{weights}.pth', Path(weights).expanduser()
    if found := next(filter(Path.is_file, files), None):
        return found
    there = ', '.join(sorted(p.stem for p in FOLDER.glob('*.pth'))) or 'none'
    raise FileNotFoundError(
        f'checkpoint not found: {weights}; nor do weights of this name come along: {there}'
    )


def read_card(name: str = DEFAULT) -> dict:
    """What is known of a model that comes along; its data, scores and limits.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    weights = find_weights(name)
    if weights.parent != FOLDER:
        raise FileNotFoundError(f'{name} does not come along, and has no card')
    return json.loads(weights.with_suffix('.json').read_text(encoding='utf-8'))


def card_of(checkpoint: str | Path) -> dict | None:
    """The card of a file that comes along, whatever it is called; None of another."""
    path = Path(checkpoint).expanduser()
    cards = (read_card(own.stem) for own in sorted(FOLDER.glob('*.pth')))
    # By size first: a large file of somebody's own need not be read for this.
    alike = [card for card in cards if card['file']['bytes'] == path.stat().st_size]
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if alike else ''
    return next((card for card in alike if card['file']['sha256'] == digest), None)
