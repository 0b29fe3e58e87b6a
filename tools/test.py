"""Test a model: score a checkpoint on the test split, and draw it if asked."""

import os.path as osp

from lsnet_mm.utils.cli import build_parser, start_run


def parse_args(argv=None):
    parser = build_parser(__doc__)
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument('--out', help='folder to write the predicted masks to, as PNG')
    parser.add_argument('--show', action='store_true', help='show each picture in a window')
    parser.add_argument('--show-dir', help='folder to write pictures of the predictions to')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds to show a picture')
    args = parser.parse_args(argv)
    if '://' not in args.checkpoint and not osp.isfile(args.checkpoint):
        parser.error(f'checkpoint not found: {args.checkpoint}')
    return parser, args


def apply_options(parser, args, cfg):
    cfg.load_from = args.checkpoint
    # A resumed test would ask the checkpoint for an optimizer that was never built.
    cfg.resume = False
    if args.show or args.show_dir:
        hook = cfg.get('default_hooks', {}).get('visualization')
        if hook is None or not cfg.get('visualizer'):
            parser.error(
                '--show and --show-dir need the config to have default_hooks.visualization '
                'and a visualizer'
            )
        hook.draw = True
        if args.show:
            hook.update(show=True, wait_time=args.wait_time)
        if args.show_dir:
            cfg.visualizer.save_dir = args.show_dir
    return cfg


def main():
    parser, args = parse_args()

    from lsnet_mm.engine.hooks import MaskWriter
    from lsnet_mm.utils.mistakes import mistakes_said
    from lsnet_mm.utils.quiet import QuietRunner

    cfg = start_run(parser, args)
    cfg = apply_options(parser, args, cfg)
    with mistakes_said():
        runner = QuietRunner.from_cfg(cfg)
        if args.out:
            runner.register_hook(MaskWriter(args.out))
        runner.test()


if __name__ == '__main__':
    main()
