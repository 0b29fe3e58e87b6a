"""``results/combinations.json`` as text."""

from .measure import OK

HEADER = (
    'S-Net',
    'backbone',
    'params (M)',
    'GFLOPs',
    'L-Net',
    'backbone',
    'params (M)',
    'GFLOPs',
    'step (s)',
    'prediction (s)',
    'result',
)


def markdown(results: dict) -> str:
    """The table in Markdown."""
    right = [name[-1] == ')' or name == 'GFLOPs' for name in HEADER]
    rows = [HEADER, ['---:' if r else '---' for r in right], *map(_cells, results['rows'])]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in rows)


def _cells(row: dict) -> list[str]:
    label = row['name'] + (' *' if row['changed'] else '')
    if row['status'] != OK:
        dashes = ['-'] * 3
        return [label, *dashes, row['localizer'], *dashes, '-', '-', _reason(row)]
    nets = [
        [row['backbones'][n], f'{row["params"][n] / 1e6:.1f}', f'{row["gflops"][n]:.2f}']
        for n in ('segmentor', 'localizer')
    ]
    times = [f'{row["seconds"][key]:.2f}' for key in ('step', 'predict')]
    return [label, *nets[0], row['localizer'], *nets[1], *times, 'trains, predicts']


def _reason(row: dict) -> str:
    return f'{row["status"]}: {row["reason"]}'.replace('|', '/')


def summary(results: dict) -> str:
    """What the table holds and how it was measured, in two sentences."""
    rows, env, how = results['rows'], results['env'], results['settings']
    done = [row for row in rows if row['status'] == OK]
    backbones = {name for row in done for name in row['backbones'].values()}
    versions = ', '.join(f'{name} {env[name]}' for name in ('torch', 'mmengine', 'mmseg'))
    return (
        f'{len(done)} of {len(rows)} combinations trained and predicted, with {len(backbones)} '
        f'classes of backbones. Images and crops of {how["size"]}x{how["size"]} pixels, '
        f'{how["number"]} images a batch, {how["organs"] + 1} classes; medians of '
        f'{how["repeats"]} on {env["device"]} ({how["threads"]} threads), {versions}.'
    )
