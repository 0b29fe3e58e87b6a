from pathlib import Path

from mmengine.structures import BaseDataElement


def slice_name(sample: BaseDataElement) -> str:
    """What files made of a slice are called, without ending.

    A slice of a volume has no file of its own: ``<case>_<slice>``. Others keep the name of their
    image, as in MMSegmentation.
    """
    if 'case' in sample:
        return f'{sample.case}_{sample.slice_index:03d}'
    return Path(sample.img_path).stem
