"""Pretrained weights that a config asks for."""

from collections.abc import Iterator
from importlib.util import find_spec


def pretrained_parts(cfg: dict) -> Iterator[tuple[dict, str]]:
    """The parts of a (nested) config that name weights, and under which key they do."""
    init_cfg = cfg.get('init_cfg')
    if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
        yield cfg, 'init_cfg'
    if isinstance(cfg.get('pretrained'), str):
        yield cfg, 'pretrained'
    for value in list(cfg.values()):
        for child in value if isinstance(value, list | tuple) else [value]:
            if isinstance(child, dict):
                yield from pretrained_parts(child)


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
