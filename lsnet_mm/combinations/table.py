"""``results/combinations.json`` as text."""

from .measure import OK

NET = ('backbone', 'pixels', 'params (M)', 'GFLOPs')
HEADER = ('S-Net', *NET, 'L-Net', *NET, 'step (s)', 'prediction (s)', 'result')
RIGHT = {'pixels', 'params (M)', 'GFLOPs', 'step (s)', 'prediction (s)'}


def markdown(results: dict) -> str:
    """The table in Markdown."""
    ruler = ['---:' if name in RIGHT else '---' for name in HEADER]
    rows = [HEADER, ruler, *map(_cells, results['rows'])]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in rows)


def _cells(row: dict) -> list[str]:
    label = row['name'] + (' *' if row['changed'] else '')
    if row['status'] != OK:
        dashes = ['-'] * 4
        reason = f'{row["status"]}: {row["reason"]}'.replace('|', '/')
        return [label, *dashes, row['localizer'], *dashes, '-', '-', reason]
    times = [f'{row["seconds"][key]:.2f}' for key in ('step', 'predict')]
    first, second = _net(row, 'localizer'), _net(row, 'segmentor')
    return [label, *second, row['localizer'], *first, *times, 'trains, predicts']


def _net(row: dict, net: str) -> list[str]:
    params, gflops = row['params'][net] / 1e6, row['gflops'][net]
    return [row['backbones'][net], str(row['sizes'][net]), f'{params:.1f}', f'{gflops:.2f}']


def summary(results: dict) -> str:
    """What the table holds and how it was measured, in two sentences."""
    rows, env, how = results['rows'], results['env'], results['settings']
    done = [row for row in rows if row['status'] == OK]
    backbones = {name for row in done for name in row['backbones'].values()}
    versions = ', '.join(f'{name} {env[name]}' for name in ('torch', 'mmengine', 'mmseg'))
    return (
        f'{len(done)} of {len(rows)} combinations trained and predicted, with {len(backbones)} '
        f'classes of backbones. Images are {how["size"]} pixels wide and high, '
        f'{how["number"]} images a batch, {how["organs"] + 1} classes; medians of '
        f'{how["repeats"]} on {env["device"]} ({how["threads"]} threads), {versions}.'
    )
