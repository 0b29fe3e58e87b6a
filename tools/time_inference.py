"""Slices per second of whole-volume prediction, for several configs in one run, taking turns. Nets
start from random weights: the first stage runs, and the boxes of the label stand in for its own, so
that as many crops are segmented as there are slices with an organ."""

import argparse
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from mmengine.registry import MODELS
from mmengine.structures import InstanceData
from rich.progress import track
from torch import Tensor

from lsnet_mm.allocator import keep_memory
from lsnet_mm.apis import VolumePredictor, slice_pipeline
from lsnet_mm.apis.load_model import load_config
from lsnet_mm.models.geometry import mask_to_box, scale_boxes
from lsnet_mm.preparation.case import ORIENTATION
from lsnet_mm.utils.pretrained import train_from_scratch
from lsnet_mm.volumes import Volume, read_nifti


def build_predictor(config: str, label: Volume, batch_size: int) -> VolumePredictor:
    """An untrained model of a config that finds the organ where the label says it is."""
    cfg = load_config(config)
    train_from_scratch(cfg.model)
    model = MODELS.build(cfg.model).eval()
    inner = getattr(model, 'model', model)  # without rounds
    if hasattr(inner, 'localizer'):
        inner.localizer.predict = LabelBoxes(inner.localizer.predict, label)
    return VolumePredictor(model, slice_pipeline(cfg), batch_size)


class LabelBoxes:
    """Runs a localizer's ``predict`` and returns the boxes of a label in place of its own."""

    def __init__(self, predict, label: Volume) -> None:
        self.predict = predict
        self.voxels = label.oriented(ORIENTATION).voxels

    def __call__(self, inputs: Tensor, samples: list) -> list[InstanceData]:
        self.predict(inputs, samples)
        return [self._found(sample.slice_index, inputs) for sample in samples]

    def _found(self, number: int, inputs: Tensor) -> InstanceData:
        mask = torch.from_numpy(np.ascontiguousarray(self.voxels[..., number].T))
        boxes = scale_boxes(mask_to_box(mask).to(inputs), mask.shape, inputs.shape[-2:])
        return InstanceData(bboxes=boxes, scores=boxes.new_ones(len(boxes)))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('configs', nargs='+', help='the first is what the others are compared with')
    parser.add_argument('--image', type=Path, required=True, help='NIfTI volume in HU')
    parser.add_argument('--label', type=Path, required=True, help='its label')
    parser.add_argument('--repeats', type=int, default=3, help='medians are of so many (3)')
    parser.add_argument('--batch-size', type=int, default=8, help='slices at a time (8)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    keep_memory()
    image, label = read_nifti(args.image), read_nifti(args.label)
    models = {c: build_predictor(c, label, args.batch_size) for c in args.configs}
    turns = list(product(range(args.repeats), models))
    seconds = {config: [] for config in models}
    for _, config in track(turns, description='volumes'):
        start = perf_counter()
        models[config](image)
        seconds[config].append(perf_counter() - start)
    count = image.voxels.shape[2]
    held = np.count_nonzero(label.voxels.any(axis=(0, 1)))
    print(f'{count} slices, {held} with an organ; {torch.get_num_threads()} threads')
    base = median(seconds[args.configs[0]])
    for config, times in seconds.items():
        rate, ratio = count / median(times), base / median(times)
        print(f'{Path(config).stem:40}{rate:8.1f} slices/s   {ratio:5.2f}x')


if __name__ == '__main__':
    main()
