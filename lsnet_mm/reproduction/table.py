from collections.abc import Mapping
from dataclasses import dataclass

from .row import Row


@dataclass(frozen=True)
class Table:
    """One of the paper's tables.

    Attributes:
        number: In the paper.
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

    def row(self, config: str) -> Row:
        """The row of a config.

        Raises:
            KeyError: If it is in none.
        """
        return {row.config: row for row in self.rows}[config]
