from collections.abc import Mapping
from dataclasses import dataclass, field

from .system import System


@dataclass(frozen=True)
class Row:
    """A system in a table.

    Attributes:
        label: Its name in the table.
        system: What is trained and tested.
        reference: The system that the row is compared with, by slices; None compares with none.
        paper: The paper's own figures by the names of columns, as printed there.
    """

    label: str
    system: System
    reference: System | None = None
    paper: Mapping[str, str] = field(default_factory=dict)
