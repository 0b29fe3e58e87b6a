from math import isfinite
from statistics import median
from time import perf_counter

import torch

from ..evaluation.complexity import count_gflops, count_params
from .combination import Combination
from .phantom_batch import phantom_batch
from .trial import Trial

OK, FAILED, NOT_RUN = 'ok', 'failed', 'not run'


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
