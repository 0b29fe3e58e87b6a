"""The results of a benchmark as Markdown tables, and their speed as one picture."""

import textwrap
from collections.abc import Callable, Iterable, Mapping

from matplotlib.axes import Axes

from ...visualization.draw import INK, new_figure
from ...visualization.plots import BAR, COLORS, DPI, WIDTH, to_png, widen

ORDER = (
    'pipeline',
    'preprocessing',
    'net',
    'L-Net',
    'BBR',
    'decode',
    'crop',
    'S-Net',
    'paste',
    'refine',
    'the rest',
)
MEGABYTE = 2**20
PANELS = dict(inference='Inference', training='Training step')
Columns = Mapping[str, Callable[..., str]]


def markdown(results: dict) -> str:
    """All tables, with what they hold.

    Args:
        results: As in the JSON file.
    """
    settings, env = results['settings'], results['env']
    machine, parts = results['machine'], results['parts']
    lines = [
        f'{settings["slices"]} slices of {settings["size"][0]}x{settings["size"][1]}, '
        f'{100 * settings["share"]:.0f}% with the organ; {settings["batch_size"]} slices at a '
        f'time; medians [quartiles] of {settings["repeats"]} rounds in turns, ratios within '
        f'rounds against {settings["baseline"]}. {env["device"]}, {machine["cpu"]}, '
        f'{settings["threads"]} of {machine["cores"]} threads, torch {env["torch"]}'
        f'{", seconds of CPU time" if settings["cpu_time"] else ""}.',
    ]
    if results['own_boxes']:
        lines.append(f'Trained, with boxes of their own: {", ".join(results["own_boxes"])}.')
    lines.append(
        'Systems without a checkpoint have random weights and oracle predictions: what a net '
        'without mistakes would find, from the label.'
    )
    for part, tables in _TABLES.items():
        if part in parts:
            lines += tables(parts[part])
    lines += _roofline(parts, machine['rates'])
    for name, reason in results['not_run'].items():
        lines.append(f'Not run: {name}, {reason}.')
    return '\n\n'.join(lines) + '\n'


def plot_speed(results: dict) -> bytes | None:
    """Bars at the median, and each round as a dot: inference beside the training step.

    Args:
        results: As in the JSON file.

    Returns:
        bytes: A PNG; None if neither was measured.
    """
    parts = [part for part in PANELS if part in results['parts']]
    if not parts:
        return None
    names = list(results['parts'][parts[0]])
    figure = new_figure(WIDTH / DPI, (110 + 48 * len(names)) / DPI, DPI)
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    panels[0].set_yticks(
        range(len(names)), [textwrap.fill(name.replace('_', ' '), 24) for name in names]
    )
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    for axes, part in zip(panels, parts, strict=True):
        _draw(axes, results['parts'][part])
        axes.set_xlabel(f'{PANELS[part]} (slices/s)', size=12)
    return to_png(figure)


def _draw(axes: Axes, rows: dict[str, dict]) -> None:
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelsize=11, colors=INK)
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x', color='#E4E4E4')
    axes.set_axisbelow(True)
    for y, row in enumerate(rows.values()):
        middle, rates = row['slices_per_second']['median'], row['rates']
        axes.barh(y, middle, height=0.62, color=BAR)
        axes.plot(rates, [y] * len(rates), 'o', color=COLORS[0], mec='white', ms=6)
        place = dict(textcoords='offset points', va='center', fontsize=11, color=INK)
        axes.annotate(f'{middle:.1f}', (max(rates), y), (9, 0), **place)
    axes.set_xlim(left=0)
    widen(axes)


def _size(rows: dict) -> list[str]:
    columns = {
        'pixels': lambda row: 'x'.join(map(str, row['pixels'])),
        'parameters (M)': lambda row: f'{row["params"] / 1e6:.2f}',
        'GFLOPs, one box': lambda row: f'{row["gflops"]:.2f}',
        'GFLOPs, mean slice': lambda row: f'{row["work"]["macs"] / 1e9:.2f}',
    }
    return [_table('Size', columns, rows.items())]


def _inference(rows: dict) -> list[str]:
    columns = {
        'volume (s)': lambda row: _spread(row['volume'], 2),
        'slice (ms)': lambda row: _spread(row['slice'], 2, 1000),
        'slices/s': lambda row: _spread(row['slices_per_second'], 2),
        'speed': lambda row: _ratio(row['speed']),
        'crops an organ slice': lambda row: f'{row["crops"]:.2f}' if 'crops' in row else '-',
        'decode, paste, refine (%)': lambda row: f'{100 * row["post_processing"]:.1f}',
    }
    shares = {name: row['shares'] for name, row in rows.items()}
    spans = [name for name in ORDER if any(name in row for row in shares.values())]
    of_spans = _where_present(spans, lambda share: f'{100 * share:.1f}')
    return [
        _table('Inference', columns, rows.items()),
        _table('Shares of its time (%), of one run', of_spans, shares.items()),
    ]


def _training(rows: dict) -> list[str]:
    columns = {
        'step (s)': lambda row: _spread(row['step'], 3),
        'slices/s': lambda row: _spread(row['slices_per_second'], 2),
        'time': lambda row: _ratio(row['time']),
    }
    of_parts = {
        'L-Net alone (s)': lambda row: _spread(row['parts']['L-Net'], 3),
        'S-Net alone (s)': lambda row: _spread(row['parts']['S-Net'], 3),
        'step / (2 L-Net + S-Net)': lambda row: _ratio(row['step_over_parts']),
        'fused step (s)': lambda row: _spread(row['parts']['fused'], 3),
        'fused / (L-Net + S-Net)': lambda row: _ratio(row['fused_over_parts']),
    }
    spans = [(name, span) for name, row in rows.items() for span in row['spans'].items()]
    of_spans = {'span': lambda span: span[0], 'time (ms)': lambda span: _spread(span[1], 1, 1000)}
    parts = [(name, row) for name, row in rows.items() if 'parts' in row]
    tables = [
        _table('Training step', columns, rows.items()),
        _table('Spans of a step', of_spans, spans, text=2),
    ]
    if parts:
        tables.append(_table('Parts of a step, alone: forward, loss, backward', of_parts, parts))
    return tables


def _memory(rows: dict) -> list[str]:
    names = dict.fromkeys(name for row in rows.values() for name in row['peaks'])
    columns = _where_present(names, lambda peak: f'{peak / MEGABYTE:.0f}')
    over_phases = _where_present(['step_over_phases'], lambda ratio: f'{ratio:.2f}x')
    columns['step / larger phase alone'] = over_phases['step_over_phases']
    body = [(name, row | row['peaks']) for name, row in rows.items()]
    return [_table('Peak memory (MiB)', columns, body)]


def _loader(rows: dict) -> list[str]:
    def over_step(row: dict) -> str:
        return row['missing'] or (f'{row["over_step"]:.1f}x' if 'over_step' in row else '-')

    numbers = dict.fromkeys(n for row in rows.values() for n in row['rates'])
    of_rates = _where_present(numbers, lambda rate: _spread(rate, 1))
    columns = {
        f'workers: {n} (slices/s)': lambda row, n=n: of_rates[n](row['rates']) for n in numbers
    }
    return [_table('Loader', columns | {'most / step': over_step}, rows.items())]


def _roofline(parts: dict, rates: dict) -> list[str]:
    """Operations over the machine's rate, bytes over that of a copy, and the clock."""
    columns = {
        'a slice of': lambda row: row['part'],
        'GMAC': lambda row: f'{row["macs"] / 1e9:.1f}',
        'MB': lambda row: f'{row["bytes"] / 1e6:.1f}',
        'at the matrix rate (ms)': lambda row: f'{1e3 * row["of_macs"]:.1f}',
        'at the bandwidth (ms)': lambda row: f'{1e3 * row["of_bytes"]:.1f}',
        'measured (ms)': lambda row: f'{1e3 * row["seconds"]:.1f}',
        'matrix rate reached (%)': lambda row: f'{100 * row["of_macs"] / row["seconds"]:.0f}',
    }
    body = []
    for name, size in parts['size'].items():
        for part in ('inference', 'training'):
            row = parts.get(part, {}).get(name)
            work = row and (size if part == 'inference' else row)['work']
            if work:  # of a compiled step it is not known
                rate = rates[size['dtype']]
                least = {f'of_{kind}': work[kind] / rate[kind] for kind in ('macs', 'bytes')}
                seconds = 1 / row['slices_per_second']['median']
                body.append((name, dict(part=part, seconds=seconds, **work, **least)))
    notes = [
        f'{dtype}: {rate["macs"] / 1e9:.0f} GMAC/s of a matrix product or a wide convolution, '
        f'{rate["bytes"] / 1e9:.1f} GB/s of a copy.'
        for dtype, rate in rates.items()
    ]
    return [_table('Roofline', columns, body, text=2), *notes] if body else notes[:1]


_TABLES = dict(size=_size, inference=_inference, training=_training, memory=_memory, loader=_loader)


def _table(title: str, columns: Columns, body: Iterable[tuple[str, object]], text: int = 1) -> str:
    """A row for each system, of what the columns' functions say of it; ``text`` columns, the
    system's among them, are aligned to the left."""
    header = ('system', *columns)
    ruler = ['---'] * text + ['---:'] * (len(header) - text)
    cells = [(name, *(column(row) for column in columns.values())) for name, row in body]
    lines = ['| ' + ' | '.join(line) + ' |' for line in (header, ruler, *cells)]
    return f'**{title}**\n\n' + '\n'.join(lines)


def _where_present(keys: Iterable[str], text: Callable[[object], str]) -> dict[str, Callable]:
    """Columns of what a row may have; a dash where it has it not."""
    return {key: lambda row, key=key: text(row[key]) if key in row else '-' for key in keys}


def _spread(value: dict, digits: int, factor: float = 1) -> str:
    middle, low, high = (f'{factor * value[k]:.{digits}f}' for k in ('median', 'low', 'high'))
    return f'{middle} [{low}, {high}]'


def _ratio(value: dict) -> str:
    return f'{value["median"]:.2f}x [{value["low"]:.2f}, {value["high"]:.2f}]'
