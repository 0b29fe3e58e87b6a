from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """A system in a table.

    Attributes:
        label: Its name in the table.
        config: Stem of a file below ``configs/``.
        weights: The config whose checkpoint is tested with this one; None trains its own.
        reference: The config that the row is compared with, by slices; None compares with none.
        paper: The paper's own figures by the names of columns, as printed there.
    """

    label: str
    config: str
    weights: str | None = None
    reference: str | None = None
    paper: Mapping[str, str] = field(default_factory=dict)
