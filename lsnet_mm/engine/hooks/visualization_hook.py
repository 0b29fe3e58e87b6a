from __future__ import annotations

import os.path as osp
from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.structures import BaseDataElement

from ...registry import HOOKS
from ...visualization import input_image
from .mask_writer import slice_name


@HOOKS.register_module()
class TwoStageVisualizationHook(Hook):
    """Draws slices while validating (a few, into the backends) and testing (all, into files).

    The image is the one in the batch, since a slice of a volume has no file of its own. Stock
    ``tools/test.py`` turns it on by ``--show`` or ``--show-dir``; pictures of a test are named
    ``<case>_<slice>.png``, where MMSegmentation puts its own: ``vis_data/vis_image`` below the
    visualizer's ``save_dir``.

    Args:
        draw: Draw at all.
        interval: Validation iterations from one picture to the next.
        show: Open a window for each picture instead of storing it.
        wait_time: Seconds until the window closes; 0 waits for a key.
        show_dir: Where pictures of a test go instead.
    """

    def __init__(
        self,
        draw: bool = False,
        interval: int = 50,
        show: bool = False,
        wait_time: float = 0.0,
        show_dir: str | None = None,
    ) -> None:
        self.draw = draw
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.show_dir = show_dir

    def before_run(self, runner) -> None:
        if self.draw and self.show:
            runner.visualizer._vis_backends = {}  # as mmseg's hook does: shown, not stored

    def after_val_iter(
        self,
        runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Draw the first slice of every ``interval``-th batch."""
        if self.draw and batch_idx % self.interval == 0:
            self._draw(
                runner,
                data_batch['inputs'][0],
                outputs[0],
                step=runner.message_hub.get_info('iter', 0),
            )

    def after_test_iter(
        self,
        runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Draw every slice."""
        if not self.draw:
            return
        folder = self.show_dir or self._default_dir(runner)
        for inputs, sample in zip(data_batch['inputs'], outputs, strict=True):
            out_file = None if self.show else osp.join(folder, f'{slice_name(sample)}.png')
            self._draw(runner, inputs, sample, out_file=out_file)

    def _draw(self, runner, inputs, sample: BaseDataElement, **kwargs) -> None:
        runner.visualizer.add_datasample(
            slice_name(sample),
            input_image(inputs, sample.ori_shape[:2]),
            data_sample=sample,
            show=self.show,
            wait_time=self.wait_time,
            **kwargs,
        )

    @staticmethod
    def _default_dir(runner) -> str:
        save_dir = getattr(runner.visualizer, 'save_dir', None) or runner.log_dir
        return osp.join(save_dir, 'vis_data', 'vis_image')
