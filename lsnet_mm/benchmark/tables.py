"""The results of a benchmark in Markdown."""

from collections.abc import Iterable, Sequence

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
)
MEGABYTE = 2**20


def markdown(results: dict) -> str:
    """All tables, with what they hold."""
    settings, env = results['settings'], results['env']
    machine = results['machine']
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
        'Systems without a checkpoint have random weights, and the label stands in for what a '
        'net without mistakes would find.'
    )
    for part, table in _TABLES.items():
        if part in results['parts']:
            lines.append(table(results['parts'][part]))
    lines.append(_floor(results['parts'], machine['rates']))
    for name, reason in results['not_run'].items():
        lines.append(f'Not run: {name}, {reason}.')
    return '\n\n'.join(lines) + '\n'


def _size(rows: dict) -> str:
    body = [
        (
            name,
            'x'.join(map(str, row['pixels'])),
            f'{row["params"] / 1e6:.2f}',
            f'{row["gflops"]:.2f}',
            f'{row["work"]["macs"] / 1e9:.2f}',
        )
        for name, row in rows.items()
    ]
    header = ('system', 'pixels', 'parameters (M)', 'GFLOPs, one box', 'GFLOPs, mean slice')
    return _table('Size', header, body)


def _inference(rows: dict) -> str:
    body = [
        (
            name,
            _spread(row['volume'], 2),
            _spread(row['slice'], 2, 1000),
            _spread(row['slices_per_second'], 2),
            _ratio(row['speed']),
            f'{row["crops"]:.2f}' if 'crops' in row else '-',
            f'{100 * row["post_processing"]:.1f}',
        )
        for name, row in rows.items()
    ]
    header = ('system', 'volume (s)', 'slice (ms)', 'slices/s', 'speed')
    header += ('crops an organ slice', 'decode, paste, refine (%)')
    spans = [k for k in (*ORDER, 'the rest') if any(k in r['shares'] for r in rows.values())]
    shares = [
        (name, *(f'{100 * row["shares"][k]:.1f}' if k in row['shares'] else '-' for k in spans))
        for name, row in rows.items()
    ]
    return '\n\n'.join(
        (
            _table('Inference', header, body),
            _table('Shares of its time (%), of one run', ('system', *spans), shares),
        )
    )


def _training(rows: dict) -> str:
    body = [
        (name, _spread(row['step'], 3), _spread(row['slices_per_second'], 2), _ratio(row['time']))
        for name, row in rows.items()
    ]
    spans = [
        (name, span, _spread(value, 1, 1000))
        for name, row in rows.items()
        for span, value in row['spans'].items()
    ]
    parts = [
        (
            name,
            *(_spread(row['parts'][k], 3) for k in ('L-Net', 'S-Net')),
            _ratio(row['step_over_parts']),
            _spread(row['parts']['fused'], 3),
            _ratio(row['fused_over_parts']),
        )
        for name, row in rows.items()
        if 'parts' in row
    ]
    tables = [
        _table('Training step', ('system', 'step (s)', 'slices/s', 'time'), body),
        _table('Spans of a step', ('system', 'span', 'time (ms)'), spans, text=2),
    ]
    if parts:
        header = ('system', 'L-Net alone (s)', 'S-Net alone (s)', 'step / (2 L-Net + S-Net)')
        header += ('fused step (s)', 'fused / (L-Net + S-Net)')
        tables.append(_table('Parts of a step, alone: forward, loss, backward', header, parts))
    return '\n\n'.join(tables)


def _memory(rows: dict) -> str:
    names = dict.fromkeys(name for row in rows.values() for name in row['peaks'])
    body = [
        (
            system,
            *(f'{row["peaks"][n] / MEGABYTE:.0f}' if n in row['peaks'] else '-' for n in names),
            f'{row["step_over_phases"]:.2f}x' if 'step_over_phases' in row else '-',
        )
        for system, row in rows.items()
    ]
    return _table('Peak memory (MiB)', ('system', *names, 'step / larger phase alone'), body)


def _loader(rows: dict) -> str:
    numbers = dict.fromkeys(n for row in rows.values() for n in row['rates'])
    body = [
        (
            name,
            *(_spread(row['rates'][n], 1) if n in row['rates'] else '-' for n in numbers),
            row['missing'] or (f'{row["over_step"]:.1f}x' if 'over_step' in row else '-'),
        )
        for name, row in rows.items()
    ]
    header = ('system', *(f'workers: {n} (slices/s)' for n in numbers), 'most / step')
    return _table('Loader', header, body)


def _floor(parts: dict, rates: dict) -> str:
    """Operations over the machine's rate, bytes over that of a copy, and the clock."""
    body = []
    for name, size in parts['size'].items():
        rate = rates[size['dtype']]
        for part in ('inference', 'training'):
            row = parts.get(part, {}).get(name)
            work = row and (size if part == 'inference' else row)['work']
            if work is None:
                continue
            seconds = 1 / row['slices_per_second']['median']
            least = [work[kind] / rate[kind] for kind in ('macs', 'bytes')]
            cells = [work['macs'] / 1e9, work['bytes'] / 1e6, *(1e3 * s for s in (*least, seconds))]
            share = f'{100 * least[0] / seconds:.0f}'
            body.append((name, part, *(f'{cell:.1f}' for cell in cells), share))
    header = ('system', 'a slice of', 'GMAC', 'MB', 'at the matrix rate (ms)')
    header += ('at the bandwidth (ms)', 'measured (ms)', 'matrix rate reached (%)')
    notes = [
        f'{dtype}: {rate["macs"] / 1e9:.0f} GMAC/s of a matrix product or a wide convolution, '
        f'{rate["bytes"] / 1e9:.1f} GB/s of a copy.'
        for dtype, rate in rates.items()
    ]
    return '\n\n'.join((_table('Floor', header, body, text=2), *notes)) if body else notes[0]


_TABLES = dict(size=_size, inference=_inference, training=_training, memory=_memory, loader=_loader)


def _table(title: str, header: Sequence[str], body: Iterable[Sequence[str]], text: int = 1) -> str:
    ruler = ['---'] * text + ['---:'] * (len(header) - text)
    rows = ['| ' + ' | '.join(cells) + ' |' for cells in (header, ruler, *body)]
    return f'**{title}**\n\n' + '\n'.join(rows)


def _spread(value: dict, digits: int, factor: float = 1) -> str:
    middle, low, high = (f'{factor * value[k]:.{digits}f}' for k in ('median', 'low', 'high'))
    return f'{middle} [{low}, {high}]'


def _ratio(value: dict) -> str:
    return f'{value["median"]:.2f}x [{value["low"]:.2f}, {value["high"]:.2f}]'
