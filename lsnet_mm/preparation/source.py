from dataclasses import dataclass

from .case import Case

Folds = list[dict[str, list[str]]]


@dataclass(frozen=True)
class Source:
    """A data set as it was found, before anything of it is read in full.

    Attributes:
        name: Short name of the data, for ``dataset.json`` and result folders.
        labels: nnU-Net's ``labels``: value of each class.
        cases: By name.
        notes: What was left aside, for the report.
        given_folds: Folds that came with the data set; empty where they follow from the cases.
    """

    name: str
    labels: dict[str, int]
    cases: tuple[Case, ...]
    notes: tuple[str, ...] = ()
    given_folds: tuple[dict[str, list[str]], ...] = ()
