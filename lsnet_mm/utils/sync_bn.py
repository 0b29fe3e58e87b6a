def replace_sync_bn(cfg) -> int:
    """Turns SyncBN into BN wherever a config asks for it, in place.

    Most of MMSegmentation's models ask for it, and it runs on GPUs only. In one process the two
    are the same.

    Returns:
        int: How many there were.
    """
    if isinstance(cfg, list | tuple):
        return sum(map(replace_sync_bn, cfg))
    if not isinstance(cfg, dict):
        return 0
    count = 0
    if cfg.get('type') == 'SyncBN':
        cfg['type'] = 'BN'
        count = 1
    return count + sum(replace_sync_bn(value) for value in cfg.values())
