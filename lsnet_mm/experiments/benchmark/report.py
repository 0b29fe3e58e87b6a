"""The results of a benchmark as Markdown tables, and their speed as one picture."""

from collections.abc import Iterator
from functools import reduce

from ...visualization.plots import plot_bars

#: Of each table the part that it is of, and its columns: what it says, where this is in a row (a
#: star are all that any row has there), digits, and a factor.
TABLES = {
    'Size': ('size', [
        ('pixels', 'pixels', 0, 1),
        ('parameters (M)', 'params', 2, 1e-6),
        ('GFLOPs, one box', 'gflops', 2, 1),
        ('GFLOPs, mean slice', 'work.macs', 2, 1e-9),
    ]),
    'Inference': ('inference', [
        ('volume (s)', 'volume', 2, 1),
        ('slices/s', 'slices_per_second', 2, 1),
        ('speed / baseline', 'speed', 2, 1),
        ('crops an organ slice', 'crops', 2, 1),
        ('slice DSC', 'scores.slice_fg/dsc', 1, 1),
        ('DSC of the volume', 'scores.case/dsc', 1, 1),
        ('empty slices with foreground (%)', 'scores.slice_empty/found', 1, 1),
    ]),
    'Shares of its time (%)': ('inference', [('', 'shares.*', 1, 100)]),
    'Training step': ('training', [
        ('step (s)', 'step', 3, 1),
        ('slices/s', 'slices_per_second', 2, 1),
        ('time / baseline', 'time', 2, 1),
        ('fused step (s)', 'parts.fused', 3, 1),
        ('L-Net alone (s)', 'parts.L-Net', 3, 1),
        ('S-Net alone (s)', 'parts.S-Net', 3, 1),
        ('step / (2 L-Net + S-Net)', 'step_over_parts', 2, 1),
        ('fused / (L-Net + S-Net)', 'fused_over_parts', 2, 1),
    ]),
    'Spans of a step (ms)': ('training', [('', 'spans.*', 1, 1000)]),
    'Peak memory (MiB)': ('memory', [('', 'peaks.*', 0, 2**-20)]),
    'Loader (slices/s)': ('loader', [
        ('workers: ', 'rates.*', 1, 1),
        ('most / step', 'over_step', 1, 1),
        ('not measured', 'missing', 0, 1),
    ]),
    'Roofline': ('roofline', [
        ('GMAC a slice', 'macs', 1, 1e-9),
        ('at the matrix rate (ms)', 'least', 1, 1000),
        ('measured (ms)', 'seconds', 1, 1000),
        ('matrix rate reached (%)', 'reached', 0, 100),
    ]),
}  # fmt: skip


def markdown(results: dict) -> str:
    """All tables, with what they hold.

    Args:
        results: As in the JSON file.
    """
    settings, env, machine = (results[key] for key in ('settings', 'env', 'machine'))
    lines = [
        f'{settings["slices"]} slices of {settings["size"][0]}x{settings["size"][1]}, '
        f'{100 * settings["share"]:.0f}% with the organ; {settings["batch_size"]} slices at a '
        f'time; medians [quartiles] of {settings["repeats"]} rounds in turns, ratios within '
        f'rounds against {settings["baseline"]}. {env["device"]}, {machine["cpu"]}, '
        f'{settings["threads"]} of {machine["cores"]} threads, torch {env["torch"]}.'
    ]
    if results['own_boxes']:
        lines.append(f'Trained, with what they find themselves: {", ".join(results["own_boxes"])}.')
    lines.append(
        'Systems without a checkpoint have random weights and oracle predictions: what a net '
        'without mistakes would find, from the label.'
    )
    parts = results['parts'] | dict(roofline=dict(_roofline(results['parts'], machine['rates'])))
    for title, (part, columns) in TABLES.items():
        if rows := parts.get(part):
            lines.append(f'**{title}**\n\n{_table(rows, columns)}')
    for dtype, rate in machine['rates'].items() if parts['roofline'] else ():
        lines.append(f'{dtype}: a matrix rate of {rate["macs"] / 1e9:.0f} GMAC/s.')
    for name, reason in results['not_run'].items():
        lines.append(f'Not run: {name}, {reason}.')
    return '\n\n'.join(lines) + '\n'


def plot_speed(results: dict) -> bytes | None:
    """Bars of the mean over rounds, each of which is a dot: inference, else the training step.

    Args:
        results: As in the JSON file.

    Returns:
        bytes: A PNG; None if neither was measured.
    """
    for part, title in dict(inference='Inference', training='Training step').items():
        if rows := results['parts'].get(part):
            rates = {name.replace('_', ' '): row['rates'] for name, row in rows.items()}
            return plot_bars(rates, f'{title} (slices/s)')
    return None


def _table(rows: dict[str, dict], columns: list[tuple]) -> str:
    lines, (first, *others) = [['system'], ['---'], *([name] for name in rows)], columns
    if first[1].endswith('.*'):
        head, (key, _), *form = first[0], first[1].split('.'), *first[2:]
        names = dict.fromkeys(name for row in rows.values() for name in row[key])
        columns = [(f'{head}{name}', f'{key}.{name}', *form) for name in names] + others
    for head, path, digits, factor in columns:
        cells = [_cell(row, path, digits, factor) for row in rows.values()]
        if set(cells) == {'-'}:  # nothing of this kind was run
            continue
        for line, cell in zip(lines, (head, '---:', *cells), strict=True):
            line.append(cell)
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _cell(row: dict, path: str, digits: int, factor: float) -> str:
    value = reduce(lambda of, key: (of or {}).get(key), path.split('.'), row)
    if isinstance(value, dict):
        low, middle, high = (f'{factor * value[k]:.{digits}f}' for k in ('low', 'median', 'high'))
        return f'{middle} [{low}, {high}]'
    if isinstance(value, (int, float)):
        return f'{factor * value:.{digits}f}'
    return 'x'.join(map(str, value)) if isinstance(value, list) else value or '-'


def _roofline(parts: dict, rates: dict) -> Iterator[tuple[str, dict]]:
    """Multiply-adds over the machine's rate, beside the clock."""
    for part in ('inference', 'training'):
        for name, row in parts.get(part, {}).items():
            size = parts['size'][name]
            if work := (size if part == 'inference' else row)['work']:  # once none if compiled
                seconds = 1 / row['slices_per_second']['median']
                least = work['macs'] / rates[size['dtype']]['macs']
                figures = dict(macs=work['macs'], least=least, seconds=seconds)
                yield f'{name}: {part}', dict(figures, reached=least / seconds)
