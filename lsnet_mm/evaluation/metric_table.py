"""The metrics of a run as a table for the terminal."""

from rich.table import Table

from .functional import PROTOCOLS


def metric_table(result: dict) -> Table:
    """One row a protocol, and one for each metric that has none.

    Args:
        result: As in ``result.json``.
    """
    metrics = dict(result['metrics'])
    data = '/'.join(str(result['data'][key]) for key in ('name', 'split') if result['data'][key])
    title = ', '.join(text for text in (result['config'], data) if text)
    table = Table(title=title or None, caption='percent; hd95 in mm')
    for column in ('', 'DSC', 'precision', 'recall'):
        table.add_column(column, justify='right' if column else 'left')
    for prefix in ('', 'oracle/'):
        for protocol in PROTOCOLS:
            keys = [f'{prefix}{protocol}/{name}' for name in ('dsc', 'precision', 'recall')]
            if keys[0] in metrics:
                table.add_row(prefix + protocol, *(f'{metrics.pop(key):.2f}' for key in keys))
    table.add_section()
    for key, value in metrics.items():
        table.add_row(key, f'{value:.2f}')
    return table
