"""What is tried of a combination: steps of training and a prediction, on slices of a phantom."""

import copy
from math import isfinite
from statistics import median
from time import perf_counter

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn

import lsnet_mm.datasets
import lsnet_mm.models  # noqa: F401  registers, as the other

from ...engine.loops import PHASES
from ...evaluation.complexity import count_gflops, count_params
from ..phantom.case import make_case
from .combination import Combination

OK, FAILED, NOT_RUN = 'ok', 'failed', 'not run'
# Without weight decay: what has no gradient does not move.
OPTIM_WRAPPER = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))
PIPELINE = (
    dict(type='HUWindow'),
    dict(type='BoxesFromMask', merge_distance=80),
    dict(type='GenerateEdge', edge_width=4),  # for PIDNet
    dict(type='PackLSNetInputs'),
)


def measure(
    combination: Combination, size: int, number: int, organs: int, repeats: int, device: str
) -> dict:
    """Trains steps of a combination and predicts; what goes wrong is a result too.

    Args:
        combination: One of ``read_combinations``.
        size: Height and width of the images and of the crops.
        number: Of images in the batch.
        organs: Classes besides the background.
        repeats: Times are medians of so many, after a first one.
        device: Such as ``cpu``.

    Returns:
        dict: For the JSON file: ``status``, ``reason`` where it is not ``ok``, else what was
        measured.
    """
    named = dict(
        name=combination.name,
        localizer=combination.localizer_name,
        segmentor=combination.config,
        changed=sorted(combination.changes),
        sizes=dict(
            localizer=combination.localizer_size or size, segmentor=combination.crop_size or size
        ),
    )
    if missing := combination.missing():
        return named | dict(status=NOT_RUN, reason=f'{", ".join(missing)} not installed')
    try:
        return named | dict(status=OK) | _run(combination, size, number, organs, repeats, device)
    except Exception as error:  # whatever a library raises, the others go on
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())
        return named | dict(status=FAILED, reason=reason[:200])


class Trial:
    """A model that trains steps and predicts on one batch.

    Args:
        model: The config of an ``LSNet``.
        batch: Of a data loader.
        device: Where to run it.
    """

    def __init__(self, model: dict, batch: dict, device: str = 'cpu') -> None:
        init_default_scope('mmseg')
        torch.manual_seed(0)
        model = MODELS.build(model)
        model.init_weights()
        # As MMSegmentation's tools do on a CPU; defaults of its classes are SyncBN, too.
        self.model: nn.Module = revert_sync_batchnorm(model).to(device)
        self.optim_wrapper = build_optim_wrapper(self.model, copy.deepcopy(OPTIM_WRAPPER))
        self.batch = batch

    def step(self) -> dict[str, dict[str, float]]:
        """One step of the alternation, as ``AlternatingTrainLoop`` makes it.

        Returns:
            dict: The losses of each phase.
        """
        self.model.train()
        logs = {}
        for phase in PHASES:
            with self.optim_wrapper.optim_context(self.model):
                losses = self.model(**self._data(training=True), mode=phase)
            loss, log = self.model.parse_losses(losses)
            self.optim_wrapper.update_params(loss)
            logs[phase] = {key: float(value) for key, value in log.items()}
        return logs

    @torch.no_grad()
    def predict(self) -> list:
        """The samples of the batch with masks, boxes and heatmaps."""
        self.model.eval()
        return self.model(**self._data(training=False), mode='predict')

    def _data(self, training: bool) -> dict:
        return self.model.data_preprocessor(copy.deepcopy(self.batch), training)


def phantom_batch(number: int, size: int, organs: int, seed: int = 0) -> dict:
    """Slices of a procedural CT with all organs in them, as a data loader gives them.

    Args:
        number: Of slices.
        size: Their height and width, 32 at least.
        organs: Classes besides the background, 1 or 2.
        seed: Of the phantom.

    Returns:
        dict: ``inputs``, (1, H, W) each, and ``data_samples``.
    """
    init_default_scope('mmseg')
    volume, label, _ = make_case(seed, 1, (size, size, 8 * (number + 2)), organs)
    held = np.all([(label == k).any(axis=(0, 1)) for k in range(1, organs + 1)], axis=0)
    middle = np.flatnonzero(held)[len(np.flatnonzero(held)) // 2 :][:number]
    pipeline = Compose(PIPELINE)
    packed = [pipeline(_slice(volume, label, index)) for index in middle]
    if len(packed) < number:
        raise ValueError(f'the phantom has {len(packed)} slices with all organs, not {number}')
    return dict(
        inputs=[p['inputs'] for p in packed], data_samples=[p['data_samples'] for p in packed]
    )


def _slice(volume: np.ndarray, label: np.ndarray, index: int) -> dict:
    image = np.ascontiguousarray(volume[..., index].T, np.float32)
    return dict(
        img=image,
        gt_seg_map=np.ascontiguousarray(label[..., index].T),
        seg_fields=['gt_seg_map'],
        img_shape=image.shape,
        ori_shape=image.shape,
        case='phantom',
        slice_index=int(index),
    )


def _run(combination, size, number, organs, repeats, device) -> dict:
    trial = Trial(combination.model(size, organs + 1), phantom_batch(number, size, organs), device)
    model, image = trial.model, torch.zeros(1, 3, size, size, device=device)
    nets = dict(localizer=model.localizer, segmentor=model.segmentor)
    before = {key: _first_weights(net) for key, net in nets.items()}
    losses, step = _timed(trial.step, repeats, device)
    if not all(isfinite(v) for phase in losses.values() for v in phase.values()):
        raise ValueError(f'a loss is not finite: {losses}')
    for key, net in nets.items():
        if torch.equal(before[key], _first_weights(net)):
            raise ValueError(f'no gradient reaches the backbone of the {key}')
    samples, predict = _timed(trial.predict, repeats, device)
    for sample in samples:
        mask = sample.pred_sem_seg.data
        if mask.shape != (1, size, size) or not 0 <= mask.min() <= mask.max() <= organs:
            raise ValueError(f'a mask of {tuple(mask.shape)} with labels {mask.unique().tolist()}')
    first = count_gflops(model, image, model.localizer)
    return dict(
        backbones={key: _name(net) for key, net in nets.items()},
        params={key: count_params(net) for key, net in nets.items()},
        gflops=dict(localizer=first, segmentor=count_gflops(model, image) - first),
        losses=losses,
        seconds=dict(step=step, predict=predict),
    )


def _timed(run, repeats: int, device: str) -> tuple:
    """What the first run gives, and the median of seconds of the others."""
    result, seconds = run(), []
    for _ in range(repeats):
        start = _now(device)
        run()
        seconds.append(_now(device) - start)
    return result, median(seconds)


def _now(device: str) -> float:
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)
    return perf_counter()


def _first_weights(net) -> torch.Tensor:
    """Those that the gradient reaches last; PoolFormer's patches are frozen by default."""
    return next(p for p in net.backbone.parameters() if p.requires_grad).detach().clone()


def _name(net) -> str:
    """The class of a net's backbone; timm's wrapper has the model's own in it."""
    return type(getattr(net.backbone, 'timm_model', net.backbone)).__name__
