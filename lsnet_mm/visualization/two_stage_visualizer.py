import os

import mmcv
import numpy as np
from mmengine.structures import BaseDataElement
from mmseg.visualization import SegLocalVisualizer

from ..registry import VISUALIZERS
from ..utils.files import write_atomic
from .draw import SliceView, draw_panel


@VISUALIZERS.register_module()
class TwoStageVisualizer(SegLocalVisualizer):
    """Draws a slice twice: whole, under its heatmap, and close by, with its masks and boxes.

    What a sample lacks is left out, so that it serves one-stage models as well. It is one of
    mmseg's visualizers because ``MMSegInferencer`` takes no other.

    Args:
        name: Of the instance.
        dpi: Dots an inch; a picture is 4.4 inches wide.
        *args: Of ``SegLocalVisualizer``.
        **kwargs: Likewise; ``save_dir`` is also kept as an attribute, for hooks that write files.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        *args,
        save_dir: str | None = None,
        dpi: int = 220,
        **kwargs,
    ) -> None:
        super().__init__(name, *args, save_dir=save_dir, **kwargs)
        self.save_dir = save_dir
        self._dots = dpi  # `dpi` is that of mmengine's own canvas

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
            out_file: Write a PNG there instead of handing the picture to the backends.
            draw_gt, draw_pred, show, wait_time, step: As in ``SegLocalVisualizer``.
            kwargs: Ignored; what other visualizers of OpenMMLab take, such as ``with_labels``.
        """
        sample = BaseDataElement() if data_sample is None else data_sample
        classes = (self.dataset_meta or {}).get('classes', ())[1:]
        view = SliceView(image, sample, draw_gt, draw_pred, classes)
        png = draw_panel([view], [name], dpi=self._dots)
        drawn = mmcv.imfrombytes(png, channel_order='rgb')
        self.set_image(drawn)  # what get_image() gives
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            write_atomic(out_file, png)
        else:
            self.add_image(name, drawn, step)
