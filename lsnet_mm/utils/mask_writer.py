from pathlib import Path

import mmcv
import numpy as np
from mmengine.hooks import Hook


class MaskWriter(Hook):
    """Writes each predicted mask of a test as a PNG of class numbers, at the slice's own size.

    A slice of a volume has no file of its own: its mask is called `<case>_<slice>.png`. Others
    keep the name of their image, as in MMSegmentation.

    Args:
        folder: Where to write; made if it is not there.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        for sample in outputs:
            mask = sample.pred_sem_seg.data.squeeze(0).cpu().numpy().astype(np.uint8)
            mmcv.imwrite(mask, str(self.folder / f'{_name(sample)}.png'))


def _name(sample) -> str:
    if 'case' in sample:
        return f'{sample.case}_{sample.slice_index:03d}'
    return Path(sample.img_path).stem
