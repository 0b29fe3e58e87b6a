"""Train a model from a config."""

import re
from importlib.metadata import version
from importlib.util import find_spec

from lsnet_mm.utils.cli import build_parser, start_run
from lsnet_mm.utils.config import pretrained_parts, train_from_scratch

TRAINED_ON = {'trained_on': {'type': 'TrainedOnHook'}}


def parse_args(argv=None):
    parser = build_parser(__doc__)
    parser.add_argument(
        '--resume', action='store_true', help='go on from the last checkpoint in the work folder'
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision; needs a GPU. '
        'For bfloat16 add --cfg-options optim_wrapper.dtype=bfloat16',
    )
    parser.add_argument('--seed', type=int, help='overrides randomness.seed of the config')
    parser.add_argument(
        '--from-scratch',
        action='store_true',
        help='start from random weights, whatever pretrained ones the config names',
    )
    parser.add_argument(
        '--progress', action='store_true', help='a bar with the time left in place of log lines'
    )
    return parser, parser.parse_args(argv)


def missing_for_pretrained(model_cfg: dict) -> str | None:
    """What is missing to load the weights, as a message; None if nothing is."""
    texts = ' '.join(str(part[key]) for part, key in pretrained_parts(model_cfg))
    urls = re.findall(r'(torchvision|package)://(\w+)', texts)
    # Where the weights are looked up: in torchvision, or in the package that brings them.
    wanted = {f'{kind}://{name}': name if kind == 'package' else kind for kind, name in urls}
    missing = {url: package for url, package in wanted.items() if not find_spec(package)}
    if not missing:
        return None
    urls, packages = (', '.join(sorted({*names})) for names in (missing, missing.values()))
    torch = version('torch').split('+')[0]  # or pip would take the newest torchvision and its torch
    return (
        f'{urls} needs {packages}, which is not installed. '
        f"Either pip install 'lsnet_mm[pretrained]' torch=={torch}, or train with --from-scratch."
    )


def apply_options(parser, args, cfg):
    import torch

    if args.resume:
        cfg.resume = True
    if args.from_scratch:
        train_from_scratch(cfg.get('model', {}))
    elif missing := missing_for_pretrained(cfg.get('model', {})):
        parser.error(missing)
    if args.progress:
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), dict(type='ProgressHook')]
    if args.seed is not None:
        cfg.randomness = {**cfg.get('randomness', {}), 'seed': args.seed}
    if args.amp:
        wrapper = cfg.optim_wrapper
        if wrapper.get('type', 'OptimWrapper') not in ('OptimWrapper', 'AmpOptimWrapper'):
            parser.error(f'--amp goes with an OptimWrapper; this config has a {wrapper.type}')
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
    amp = cfg.get('optim_wrapper', {}).get('type') == 'AmpOptimWrapper'
    if amp and not torch.cuda.is_available():
        parser.error('mixed precision (--amp, AmpOptimWrapper) needs a GPU; torch finds none here')
    return cfg


def keep_checkpoints_whole(cfg):
    """Exchange mmengine's hook, which a kill or a full disk can leave without any checkpoint."""
    from mmengine.hooks import CheckpointHook

    stock = ('CheckpointHook', CheckpointHook)
    # The Runner adds the first one by itself.
    cfg.default_hooks = {'checkpoint': dict(type=stock[0]), **(cfg.get('default_hooks') or {})}
    for hook in _hooks(cfg):
        if hook.get('type') in stock:
            hook['type'] = 'DurableCheckpointHook'


def say_what_it_was_trained_on(cfg):
    """Add the hook by which checkpoints tell of their data, to configs that have none."""
    if not any(hook.get('type') == 'TrainedOnHook' for hook in _hooks(cfg)):
        cfg.default_hooks = {**(cfg.get('default_hooks') or {}), **TRAINED_ON}


def _hooks(cfg):
    hooks = *(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ())
    return [hook for hook in hooks if hook]


def main():
    parser, args = parse_args()

    import lsnet_mm.engine  # noqa: F401  registers
    from lsnet_mm.utils.mistakes import mistakes_said
    from lsnet_mm.utils.quiet import QuietRunner

    cfg = apply_options(parser, args, start_run(parser, args))
    keep_checkpoints_whole(cfg)
    say_what_it_was_trained_on(cfg)
    with mistakes_said():
        QuietRunner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
