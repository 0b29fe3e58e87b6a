from __future__ import annotations

import os

import numpy as np
from mmengine.structures import BaseDataElement
from mmseg.visualization import SegLocalVisualizer

from ..registry import VISUALIZERS
from ..utils.files import write_atomic
from .draw import png_bytes
from .panel import draw_slice
from .slice_view import SliceView


@VISUALIZERS.register_module()
class TwoStageVisualizer(SegLocalVisualizer):
    """Draws a slice in parts: image, ground truth with boxes, prediction with boxes, heatmap.

    Parts that a sample lacks are left out, so that it serves one-stage models as well. It is one of
    mmseg's visualizers because ``MMSegInferencer`` takes no other.

    Args:
        name: See ``SegLocalVisualizer``.
        image: See ``SegLocalVisualizer``.
        vis_backends: See ``SegLocalVisualizer``.
        save_dir: See ``SegLocalVisualizer``; also kept as an attribute, for hooks that write files.
        dpi: Dots an inch; a part is 2.9 inches wide.
        **kwargs: Of ``SegLocalVisualizer``.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        image: np.ndarray | None = None,
        vis_backends: list | dict | None = None,
        save_dir: str | None = None,
        dpi: int = 110,
        **kwargs,
    ) -> None:
        super().__init__(name, image, vis_backends, save_dir, **kwargs)
        self.save_dir = save_dir
        self.dpi = dpi

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: BaseDataElement | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | os.PathLike | None = None,
        step: int = 0,
        **kwargs,
    ) -> None:
        """Draw one slice and show it, write it to a file, or hand it to the backends.

        Args:
            name: Title of the picture, and its name in the backends.
            image: (H, W) or (H, W, C), grey values in [0, 255], at the original size.
            data_sample: Ground truth and predictions in original pixels.
            draw_gt: Show the ground truth.
            draw_pred: Show the prediction.
            show: Open a window.
            wait_time: Seconds until the window closes; 0 waits for a key.
            out_file: Write a PNG there instead of handing the picture to the backends.
            step: The step that backends file the picture under.
            **kwargs: Ignored; what other visualizers of OpenMMLab take, such as ``with_labels``.
        """
        sample = BaseDataElement() if data_sample is None else data_sample
        view = SliceView.from_sample(image, sample, draw_gt, draw_pred)
        drawn = draw_slice(view, title=name, dpi=self.dpi)
        self.set_image(drawn)  # what get_image() gives
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            write_atomic(out_file, png_bytes(drawn))
        else:
            self.add_image(name, drawn, step)
