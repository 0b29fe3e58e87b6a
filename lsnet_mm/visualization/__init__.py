"""Pictures of slices: the image, the ground truth, the boxes and the masks."""

from .draw import (
    HEAT,
    SliceView,
    draw_boxes,
    draw_mask,
    draw_panel,
    input_image,
    new_figure,
    show_image,
    to_png,
)
from .study import study_montage, study_page
from .two_stage_visualizer import TwoStageVisualizer

__all__ = [
    'HEAT',
    'SliceView',
    'TwoStageVisualizer',
    'draw_boxes',
    'draw_mask',
    'draw_panel',
    'input_image',
    'new_figure',
    'show_image',
    'study_montage',
    'study_page',
    'to_png',
]
