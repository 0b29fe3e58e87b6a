"""Pictures of slices: the image, the ground truth, the boxes and the masks."""

from .draw import SliceView, draw_panel, input_image
from .study import study_montage, study_page
from .two_stage_visualizer import TwoStageVisualizer

__all__ = [
    'SliceView',
    'TwoStageVisualizer',
    'draw_panel',
    'input_image',
    'study_montage',
    'study_page',
]
