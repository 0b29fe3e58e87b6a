"""How far a training is, out of the scalars that mmengine logs."""

import json
from dataclasses import dataclass
from pathlib import Path

DSC = 'slice_fg/dsc'


@dataclass(frozen=True)
class Progress:
    """What a training last said of itself.

    Attributes:
        epoch: That it is in or has finished, from 1; 0 before the first.
        dsc: Of its last validation, in percent; None before the first.
    """

    epoch: int = 0
    dsc: float | None = None


def read_progress(work_dir: Path) -> Progress:
    """The progress of a work folder, over all starts of its training.

    A line that is still being written is left for the next time.
    """
    epoch, dsc = 0, None
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            try:
                scalars = json.loads(line)
            except ValueError:
                continue
            epoch = scalars.get('epoch', epoch)
            dsc = scalars.get(DSC, dsc)
    return Progress(epoch, dsc)
