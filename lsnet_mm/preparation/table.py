from rich.table import Table

COLUMNS = ('slices', 'with label', 'label (ml)', 'spacing (mm)', 'score', 'margin', 'runner-up')


def report_table(report: dict) -> Table:
    """The report for people: a row a case, refused ones with their reason.

    Args:
        report: What :func:`~lsnet_mm.preparation.prepare` returns.

    Returns:
        Table: Of rich. Score and margin are those of the content check, in HU.
    """
    table = Table(caption=f'folds: {report["folds"]}')
    table.add_column('case', no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify='left' if name == 'runner-up' else 'right', no_wrap=True)
    for record in report['cases']:
        if 'error' in record:
            table.add_row(record['case'], *['-'] * (len(COLUMNS) - 1), '[red]refused[/]')
            continue
        table.add_row(
            record['case'],
            str(record['shape'][2]),
            str(record['label_slices']),
            f'{record["label_ml"]:.1f}',
            ' x '.join(f'{size:.2f}' for size in record['spacing']),
            *(f'{record[key]:.1f}' if key in record else '-' for key in ('score', 'margin')),
            record.get('rival', '-'),
        )
    return table
