"""The rows of the paper's tables."""

import pytest

from lsnet_mm.experiments.reproduction.run import composed_sha256
from lsnet_mm.experiments.reproduction.tables import TABLES, System, find_system

ROWS = [row for tables in TABLES.values() for table in tables.values() for row in table.rows]
SYSTEMS = sorted({row.system for row in ROWS}, key=lambda system: system.name)


@pytest.mark.parametrize('system', SYSTEMS, ids=lambda s: s.name)
def test_every_option_changes_what_is_computed(system):
    """And what a row tests of another's weights leaves their training as it is."""
    assert find_system(system.name) == system
    for key in system.options:
        rest = System('', system.config, {k: v for k, v in system.options.items() if k != key})
        assert composed_sha256(rest) != composed_sha256(system)
    if system.weights is None:
        assert (system == System.of(system.config)) == (not system.options)
    else:
        hashes = {composed_sha256(s, training=True) for s in (system, system.weights)}
        assert len(hashes) == 1


@pytest.mark.parametrize('tables', TABLES.values(), ids=list(TABLES))
def test_references_and_weights_are_rows_of_the_same_table(tables):
    for table in tables.values():
        systems = {row.system for row in table.rows}
        assert len(systems) == len(table.rows)
        for row in table.rows:
            assert {row.reference, row.system.weights} <= systems | {None}
            assert row.reference != row.system


def test_the_papers_figures():
    def dsc(table):
        return [row.paper.get('DSC') for row in table.rows if row.paper]

    for tables in TABLES.values():
        assert [len(table.rows) for table in tables.values()][1:6] == [4, 2, 9, 7, 6]
        expected = ['86.56', '86.88', '87.41', '88.20', '84.28', '86.16', '87.20']
        assert dsc(tables[1]) == expected
        assert dsc(tables[2]) == ['84.69', '86.51', '87.86', '88.20']
        assert dsc(tables[3]) == ['87.41', '87.86']
        assert dsc(tables[4]) == ['87.86', '88.05', '88.20', '87.21']
        first = [row.paper['params of the first stage (M)'] for row in tables[3].rows]
        assert first == ['14.33', '14.50']
