from copy import deepcopy
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS

from .errors import ExportError
from .preprocessing import test_pipeline


def calibration_images(config: Config, count: int) -> list[np.ndarray]:
    """Slices of the config's training data, from one end to the other, as in the test.

    Args:
        config: With ``train_dataloader`` and ``test_dataloader``.
        count: How many; all if there are fewer.

    Returns:
        list: Images (1, C, H, W) float32 in [0, 255].

    Raises:
        ExportError: If there are no training data.
    """
    own = deepcopy(config.get('train_dataloader', {}).get('dataset', {}))
    root = own.get('data_root')
    if not own or (root and not Path(root).is_dir()):
        missing = f'{root} does not exist: put the data there' if own else 'the config names none'
        raise ExportError(
            f'8-bit graphs are calibrated on slices of the training, and {missing}, or leave out '
            '--int8'
        )
    if 'dataset' in own or 'datasets' in own:
        raise ExportError(
            '8-bit graphs are calibrated on a plain dataset, and train_dataloader has a '
            f'{own.type}: give one by --cfg-options, or leave out --int8'
        )
    own.pipeline = test_pipeline(config)
    dataset = DATASETS.build(own)
    if not len(dataset):
        raise ExportError(f'there is no slice to calibrate on in {root}')
    numbers = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int)
    return [np.asarray(dataset[int(k)]['inputs'], np.float32)[None] for k in numbers]
