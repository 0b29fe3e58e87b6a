"""A data set of slices with masks, as a COCO data set for detectors."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from rich.console import Console
from rich.progress import track

from ..datasets.ct_slice_dataset import CTSliceDataset
from ..utils.files import encode_png, replace_folder

#: Transforms that make a slice, its mask and its boxes. The first ones load.
KEPT = ('LoadCTSlice', 'LoadImageFromFile', 'HUWindow', 'LoadCTMask', 'BoxesFromMask')
#: Transforms that are a detector's own affair.
LEFT_OUT = ('Resize', 'ResizeSlice', 'PackLSNetInputs')
MARKER = 'coco_export.json'
LAYOUT = ('train', 'val', 'test', 'annotations', MARKER)


def export_coco(
    cfg: Config, out: str | Path, splits: Sequence[str] = ('train', 'val'), overwrite: bool = False
) -> dict[str, dict]:
    """Write slices as grey PNG, and their boxes as COCO's JSON.

    ::

        out/<split>/<case>_<slice>.png     8 bit, at the slice's own size
        out/annotations/<split>.json       boxes, areas and masks
        out/coco_export.json               what was exported, and of which data

    Slices are those of the config's datasets. Window and boxes are those of its test pipeline,
    without the resizing: a mask there keeps its own size, too.

    Args:
        cfg: Config with ``<split>_dataloader`` for each split, and a ``test_dataloader``.
        out: Folder to make. It takes its place when it is complete.
        splits: What to export.
        overwrite: Replace an earlier export.

    Returns:
        dict: What stands in ``coco_export.json``: for each split its data, and how many images
        and boxes there are.

    Raises:
        ValueError: If the config gives no boxes, changes slices in an unknown way, or has another
            library's dataset.
        FileExistsError: If ``out`` holds something that may not be replaced.
    """
    pipeline = _pipeline(cfg)
    about = {}
    with (
        DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmseg')),
        replace_folder(out, 'COCO export', LAYOUT, overwrite, MARKER) as root,
    ):
        for split in splits:
            dataset = DATASETS.build({**cfg[f'{split}_dataloader'].dataset, 'pipeline': pipeline})
            if not isinstance(dataset, CTSliceDataset):
                raise ValueError(
                    f'{type(dataset).__name__} does not say which case a slice is of: use '
                    'PancreasCTDataset or SliceFolderDataset.'
                )
            images, annotations = _export_slices(dataset, root / split, split)
            info = dict(data=dataset.name, split=dataset.split, sha256=dataset.sha256())
            info['pipeline'] = pipeline
            # L-Net knows objects, of whichever class.
            category = dict(id=1, name=' or '.join(dataset.metainfo['classes'][1:]))
            content = dict(info=info, images=images, annotations=annotations, categories=[category])
            (root / 'annotations').mkdir(exist_ok=True)
            (root / 'annotations' / f'{split}.json').write_text(json.dumps(content) + '\n')
            about[split] = dict(info, images=len(images), annotations=len(annotations))
        (root / MARKER).write_text(json.dumps(about) + '\n')
    return about


def coco_annotations(mask: np.ndarray, boxes: np.ndarray, image_id: int, first_id: int) -> list:
    """The annotations of an image, all of category 1.

    Args:
        mask: (H, W), foreground where non-zero.
        boxes: (n, 4) ``x1, y1, x2, y2`` in whole pixels, as ``BoxesFromMask`` gives them.
        image_id: Of the image.
        first_id: Of its first annotation; the others count on.

    Returns:
        list[dict]: One for each box. Its segmentation is the mask inside the box, its area the
        number of pixels in that; ``bbox`` is ``x, y, width, height``.
    """
    annotations = []
    for x1, y1, x2, y2 in boxes.astype(int).tolist():
        inside = np.zeros(mask.shape, bool)
        inside[y1:y2, x1:x2] = mask[y1:y2, x1:x2] > 0
        annotations.append(
            dict(
                id=first_id + len(annotations),
                image_id=image_id,
                category_id=1,
                bbox=[x1, y1, x2 - x1, y2 - y1],
                area=int(inside.sum()),
                iscrowd=0,
                segmentation=uncompressed_rle(inside),
            )
        )
    return annotations


def uncompressed_rle(mask: np.ndarray) -> dict:
    """Run lengths of a (H, W) mask, column by column, of 0 and 1 in turn and 0 first."""
    flat = mask.flatten(order='F').astype(bool)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()
    return dict(size=list(mask.shape), counts=[0, *counts] if flat[0] else counts)


def _pipeline(cfg: Config) -> list[dict]:
    transforms = [dict(t) for t in cfg.test_dataloader.dataset.pipeline]
    types = [t['type'] for t in transforms]
    unknown = [name for name in types if name not in KEPT + LEFT_OUT]
    if unknown:
        raise ValueError(
            f'the test pipeline has {", ".join(unknown)}, and an export would not show what it '
            f'does to a slice. Leave it out, or use a config with {", ".join(KEPT)}.'
        )
    if 'BoxesFromMask' not in types:
        raise ValueError("the test pipeline gives no boxes: add dict(type='BoxesFromMask').")
    return [t for t in transforms if t['type'] in KEPT]


def _export_slices(
    dataset: CTSliceDataset, folder: Path, split: str
) -> tuple[list[dict], list[dict]]:
    """Writes the images of a dataset; COCO's records of these and of their objects."""
    images, annotations = [], []
    folder.mkdir()
    for index in track(range(len(dataset)), split, console=Console(stderr=True)):
        results = dataset[index]
        case, number = results['case'], results['slice_index']
        grey, name = _grey(results['img']), f'{case}_{number:03d}.png'
        (folder / name).write_bytes(encode_png(grey))
        height, width = grey.shape
        image = dict(id=index + 1, file_name=name, width=width, height=height)
        images.append(image | dict(case=case, slice_index=number))
        annotations += coco_annotations(
            results['gt_seg_map'], results['gt_bboxes'], index + 1, len(annotations) + 1
        )
    return images, annotations


def _grey(img: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of an image (H, W) or (H, W, C): the middle channel is the slice itself."""
    grey = img if img.ndim == 2 else img[..., img.shape[2] // 2]
    if grey.min() < 0 or grey.max() > 255:
        raise ValueError(
            f'a slice has values from {grey.min():g} to {grey.max():g}, not from 0 to 255. '
            "Put dict(type='HUWindow') into the config's test pipeline."
        )
    return np.round(grey).astype(np.uint8)
