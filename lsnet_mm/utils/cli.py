"""What the tools share: MMSegmentation's arguments, read one way.

Here and in the tools, what needs torch is imported after the arguments are read.
"""

import argparse
import io
import os
import os.path as osp
import sys

from mmengine.config import Config, DictAction

from ..version import __version__
from .memory import keep_memory


def print_any_name() -> None:
    """Let this process print names of files that are no text, as of a zip from another system."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')


def plain_parser(description: str, **kwargs) -> argparse.ArgumentParser:
    """A parser with the arguments of every command; ``kwargs`` are of ``ArgumentParser``."""
    parser = argparse.ArgumentParser(description=description, **kwargs)
    version = f'lsnet_mm {__version__}'
    parser.add_argument('--version', action='version', version=version)
    return parser


def config_parser(description: str) -> argparse.ArgumentParser:
    """A parser with the arguments of every tool that reads a config."""
    parser = plain_parser(description)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config, such as train_cfg.max_epochs=2 or key="[a,b]"',
    )
    return parser


def build_parser(description: str) -> argparse.ArgumentParser:
    """A parser with the arguments of training and testing."""
    parser = config_parser(description)
    parser.add_argument('--work-dir', help='where to write; default: ./work_dirs/<config name>')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes of a distributed run',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    add_unsafe_checkpoint(parser)
    return parser


def add_unsafe_checkpoint(parser: argparse.ArgumentParser) -> None:
    """What every command has that loads one."""
    parser.add_argument(
        '--unsafe-checkpoint',
        action='store_true',
        help='let checkpoints run code when they are loaded; only for files that you trust',
    )


def start_run(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Config:
    """Apply what :func:`build_parser` read to this process and to the config, which is returned."""
    import torch

    from .checkpoint import refuse_unsafe_checkpoints
    from .settings import read_config

    try:
        cfg = read_config(args.config, args.cfg_options)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    keep_memory()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if not args.unsafe_checkpoint:
        refuse_unsafe_checkpoints()
    cfg.launcher = args.launcher
    _add_checks(cfg)
    name = osp.splitext(osp.basename(args.config))[0]
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or osp.join('work_dirs', name)
    if args.launcher != 'none' and not torch.cuda.is_available():
        _distribute_on_cpu(cfg)
    return cfg


def _add_checks(cfg: Config) -> None:
    """Lets a config of elsewhere be asked, too, whether its parts fit together."""
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ())]
    if not any(hook and hook.get('type') == 'CheckHook' for hook in hooks):
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), dict(type='CheckHook')]


def _distribute_on_cpu(cfg: Config) -> None:
    """mmengine takes a GPU per process for granted; what it finds prepared, it leaves alone."""
    import torch
    from mmengine.dist import init_dist

    options = cfg.get('env_cfg', {}).get('dist_cfg', {})
    set_device, torch.cuda.set_device = torch.cuda.set_device, lambda device: None
    try:
        init_dist(cfg.launcher, **{**options, 'backend': 'gloo'})
    finally:
        torch.cuda.set_device = set_device
    unused = cfg.get('find_unused_parameters', False)
    wrapper = dict(broadcast_buffers=False, find_unused_parameters=unused)
    cfg.model_wrapper_cfg = {**wrapper, **cfg.get('model_wrapper_cfg', {}), 'device_ids': None}
