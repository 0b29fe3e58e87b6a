"""Pretrained weights that a config asks for."""

from collections.abc import Iterator
from importlib.util import find_spec

from .config_parts import config_parts


def pretrained_parts(cfg: dict) -> Iterator[tuple[dict, str]]:
    """The parts of a (nested) config that name weights, and under which key they do."""
    for part in config_parts(cfg):
        init_cfg = part.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            yield part, 'init_cfg'
        if isinstance(part.get('pretrained'), str):
            yield part, 'pretrained'


def train_from_scratch(model_cfg: dict) -> None:
    """Removes pretrained weights from a model's config: parts start from random weights."""
    for part, key in pretrained_parts(model_cfg):
        part[key] = None


def missing_for_pretrained(model_cfg: dict) -> str | None:
    """What is missing to load the weights, as a message; None if nothing is."""
    values = [part[key] for part, key in pretrained_parts(model_cfg)]
    names = [v if isinstance(v, str) else v['checkpoint'] for v in values]
    wanted = sorted({name for name in names if name.startswith('torchvision://')})
    if not wanted or find_spec('torchvision'):
        return None
    return (
        f'{", ".join(wanted)} needs torchvision, which is not installed. '
        "Either pip install 'lsnet_mm[pretrained]', or train with --from-scratch."
    )
