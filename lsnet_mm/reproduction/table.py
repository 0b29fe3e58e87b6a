from collections.abc import Mapping
from dataclasses import dataclass, replace

from .row import Row
from .system import System

_SHORT = ('slice_fg/dsc', 'oracle/slice_fg/dsc', 'box/miou')


@dataclass(frozen=True)
class Table:
    """One of the paper's tables, or that of the presets.

    Attributes:
        number: In the paper; the presets' is 5.
        title: What it shows.
        rows: In their order.
        columns: Measured figures: key of a metric (see ``Record.scores``) by header.
        train_split: The slices of training are scored too.
    """

    number: int
    title: str
    rows: tuple[Row, ...]
    columns: Mapping[str, str]
    train_split: bool = False

    def short(self) -> 'Table':
        """The rows that the paper has too, with masks and boxes in a figure each: for a README."""
        rows = [
            replace(row, paper={'DSC': row.paper['DSC']}) for row in self.rows if 'DSC' in row.paper
        ]
        columns = {name: key for name, key in self.columns.items() if key in _SHORT}
        return replace(self, rows=tuple(rows), columns=columns)

    def row(self, system: System) -> Row:
        """The row of a system.

        Raises:
            KeyError: If it has none.
        """
        return {row.system: row for row in self.rows}[system]
