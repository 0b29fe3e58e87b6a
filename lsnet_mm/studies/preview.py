from collections.abc import Sequence

from ..apis.grey_volume import grey_volume
from ..apis.volume_prediction import VolumePrediction
from ..volumes import ORIENTATION, Volume


def draw_preview(
    volume: Volume, found: VolumePrediction, window, title: str, classes: Sequence[str]
) -> tuple[bytes, bytes]:
    """Pictures of a study: a montage as PNG, and a page to scroll through as HTML.

    Args:
        volume: In HU.
        found: What the model says about it, with heatmaps if the page shall have them.
        window: HU of black and white.
        title: Of the page.
        classes: Names of the labels from 1 on.
    """
    from ..visualization.study_page import study_montage, study_page

    grey, mask = grey_volume(volume, window), grey_volume(found.mask)
    x, y, z = volume.oriented(ORIENTATION).spacing
    page = study_page(
        grey, mask, found.boxes, (y, x, z), found.heatmaps, title=title, classes=classes
    )
    return study_montage(grey, mask, found.boxes), page
