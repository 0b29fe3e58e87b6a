"""What is to be done with studies, and what their outputs are called."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from .names import KINDS
from .picture_outputs import picture_names
from .study import Study
from .tidy_up import TidyUp


@dataclass(frozen=True)
class SegmentationJob:
    """What is to be done with every study. It travels to worker processes.

    Attributes:
        model: Arguments of :class:`LSNetInferencer` by name; ``model`` and ``weights`` are files.
        identity: The model for the record of a study, from :func:`.model.model_identity`.
        out: Folder to write to.
        kinds: What to write, out of :data:`KINDS`, and a record of it as JSON.
        batch_size: Slices at a time.
        tidy_up: What is removed from masks.
        overwrite: Replace outputs that are there already.
        assume_hu: Take voxels for HU whatever they look like.
        window: HU of grey 0 and 255 in pictures.
        trained_window: The same of those that the model was trained on, as the user states it;
            None: it is as the checkpoint says, or it was trained on none.
        spine: Where it is in pictures.
    """

    model: dict
    identity: dict
    out: Path
    kinds: Collection[str] = ('mask',)
    batch_size: int = 8
    tidy_up: TidyUp = TidyUp()
    overwrite: bool = False
    assume_hu: bool = False
    window: tuple[float, float] | None = None
    trained_window: tuple[float, float] | None = None
    spine: str | None = None

    def model_for(self, study: Study) -> dict:
        """The model, with the window that was stated: pictures of another one than the training's
        are mapped to that, and scans are given in it."""
        key = 'picture_window' if study.pictures else 'window'
        return self.model | ({key: self.trained_window} if self.trained_window else {})

    def made(self, study: Study) -> dict:
        """What the outputs of a study depend on beside its files, as its record says it."""
        made = {'model': self.identity, 'tidy_up': asdict(self.tidy_up)}
        if study.pictures:
            window = self.window and [float(hu) for hu in self.window]
            made['picture'] = {'window_hu': window, 'spine': self.spine or 'top'}
        elif self.trained_window:
            made['model'] = {**self.identity, 'window_hu': list(self.trained_window)}
        return made

    def names(self, study: Study, kinds: Collection[str]) -> list[str]:
        """Names of the files of a study, without the record."""
        if study.pictures:
            return picture_names(study, kinds)
        endings = [ending for kind in KINDS if kind in kinds for ending in KINDS[kind]]
        return [f'{study.name}{ending}' for ending in endings]
