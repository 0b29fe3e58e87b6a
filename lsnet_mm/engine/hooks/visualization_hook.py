from pathlib import Path

import numpy as np
from mmengine.hooks import Hook
from mmengine.structures import BaseDataElement

from ...registry import HOOKS
from ...utils.files import encode_png, write_atomic
from ...visualization import input_image


@HOOKS.register_module()
class TwoStageVisualizationHook(Hook):
    """Draws slices while validating (a few, into the backends) and testing (all, into files).

    The image is the one in the batch, since a slice of a volume has no file of its own. Stock
    ``tools/test.py`` turns it on by ``--show`` or ``--show-dir``; pictures of a test are named
    ``<case>_<slice>``, or as their image, where MMSegmentation puts its own:
    ``vis_data/vis_image`` below the visualizer's ``save_dir``.

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

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Draw the first slice of every ``interval``-th batch."""
        if self.draw and batch_idx % self.interval == 0:
            step = runner.message_hub.get_info('iter', 0)
            self._draw(runner, data_batch['inputs'][0], outputs[0], step=step)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Draw every slice."""
        if not self.draw:
            return
        save_dir = getattr(runner.visualizer, 'save_dir', None) or runner.log_dir
        folder = Path(self.show_dir or Path(save_dir, 'vis_data', 'vis_image'))
        for inputs, sample in zip(data_batch['inputs'], outputs, strict=True):
            out_file = None if self.show else str(folder / f'{slice_name(sample)}.png')
            self._draw(runner, inputs, sample, out_file=out_file)

    def _draw(self, runner, inputs, sample: BaseDataElement, **kwargs) -> None:
        image = input_image(inputs, sample.ori_shape[:2])
        window = dict(show=self.show, wait_time=self.wait_time)
        name = slice_name(sample)
        runner.visualizer.add_datasample(name, image, data_sample=sample, **window, **kwargs)


class MaskWriter(Hook):
    """Writes each predicted mask of a test as a PNG of class numbers, at the slice's own size.

    Files are named ``<case>_<slice>``, or as their image.

    Args:
        folder: Where to write; made if it is not there.

    Raises:
        ValueError: In a test of two images whose masks would have one name.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._images: dict[str, str | None] = {}

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        for sample in outputs:
            name, image = slice_name(sample), sample.get('img_path')
            if (other := self._images.setdefault(name, image)) != image:
                raise ValueError(
                    f'{other} and {image} would both be written to {self.folder / name}.png. Test '
                    'their data sets one by one, each into a folder of its own.'
                )
            mask = sample.pred_sem_seg.data.squeeze(0).cpu().numpy().astype(np.uint8)
            write_atomic(self.folder / f'{name}.png', encode_png(mask))


def slice_name(sample: BaseDataElement) -> str:
    """What files made of a slice are called, without ending.

    A slice of a volume has no file of its own: ``<case>_<slice>``. Others keep the name of their
    image, as in MMSegmentation.
    """
    if 'case' in sample:
        return f'{sample.case}_{sample.slice_index:03d}'
    return Path(sample.img_path).stem
