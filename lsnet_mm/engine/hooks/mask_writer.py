from pathlib import Path

import numpy as np
from mmengine.hooks import Hook
from mmengine.structures import BaseDataElement

from ...utils.files import encode_png, write_atomic


class MaskWriter(Hook):
    """Writes each predicted mask of a test as a PNG of class numbers, at the slice's own size.

    Files are named by :func:`slice_name`.

    Args:
        folder: Where to write; made if it is not there.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        for sample in outputs:
            mask = sample.pred_sem_seg.data.squeeze(0).cpu().numpy().astype(np.uint8)
            write_atomic(self.folder / f'{slice_name(sample)}.png', encode_png(mask))


def slice_name(sample: BaseDataElement) -> str:
    """What files made of a slice are called, without ending.

    A slice of a volume has no file of its own: ``<case>_<slice>``. Others keep the name of their
    image, as in MMSegmentation.
    """
    if 'case' in sample:
        return f'{sample.case}_{sample.slice_index:03d}'
    return Path(sample.img_path).stem
