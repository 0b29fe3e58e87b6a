"""``tools/check_combinations.py``: trains each combination, and tabulates what came of it."""

import argparse
import json
import logging
import re
import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from rich.progress import track

import lsnet_mm.datasets  # noqa: F401  registers

from ...engine.loops import PHASES
from ...evaluation.complexity import count_gflops, count_params
from ...utils.files import write_atomic
from ...utils.machine import device_name, environment, keep_memory
from ..phantom import make_case
from .catalogue import COMBINATIONS, STOCK, stock_file, two_stage_model

NUMBER, ORGANS = 2, 2  # images in the batch, classes besides the background
PIPELINE = (
    dict(type='HUWindow'),
    dict(type='BoxesFromMask', merge_distance=80),
    dict(type='GenerateEdge', edge_width=4),  # for PIDNet
    dict(type='PackLSNetInputs'),
)
NET = ('backbone', 'pixels', 'params (M)', 'GFLOPs')
HEADER = ('S-Net', *NET, 'L-Net', *NET, 'step (s)', 'prediction (s)', 'result')
WORDS = ('S-Net', 'L-Net', 'backbone', 'result')  # to the left, numbers to the right


def main(argv: Sequence[str] | None = None) -> int:
    """Try the combinations, and write the files.

    Returns:
        int: 0 if all that could be run trained and predicted, else 1.
    """
    parser = argparse.ArgumentParser(
        description='Train a step of every combination of combinations/catalogue.py and predict; '
        'write what came of it, with size, cost and time.'
    )
    add = parser.add_argument
    add('--rows', nargs='+', metavar='NAME', help='only these; printed, not written')
    add('--size', type=int, default=160, help='height and width of images and crops (160)')
    add('--repeats', type=int, default=3, help='times are medians of so many (3)')
    add('--device', type=device_name, default='cpu', help='(cpu)')
    add('--out', type=Path, default='results/combinations.json', help='JSON file')
    add('--docs', type=Path, default='docs/combinations.md', help='with a table to fill in')
    args = parser.parse_args(argv)
    if unknown := set(args.rows or ()) - COMBINATIONS.keys():
        parser.error(f'--rows: {", ".join(sorted(unknown))} not in combinations/catalogue.py')
    keep_memory()
    # MMSegmentation warns of arguments in its own configs, mmengine lists all it initialises.
    warnings.simplefilter('ignore')
    MMLogger.get_instance('check_combinations', log_level=logging.WARNING)
    names = [name for name in COMBINATIONS if name in (args.rows or COMBINATIONS)]
    rows = [row(name, args.size, args.repeats, args.device) for name in track(names)]
    settings = dict(size=args.size, number=NUMBER, organs=ORGANS, repeats=args.repeats)
    settings['threads'] = torch.get_num_threads()
    results = dict(env=environment(args.device), settings=settings, rows=rows)
    print(report(results))
    if not args.rows:
        write_atomic(args.out, (json.dumps(results, indent=1) + '\n').encode())
        marked = re.compile(r'(<!-- combinations -->\n).*?(<!-- end -->)', re.DOTALL)
        filled = marked.sub(lambda m: m[1] + report(results) + m[2], args.docs.read_text())
        write_atomic(args.docs, filled.encode())
    return int(any(row['status'] == 'failed' for row in rows))


def row(name: str, size: int, repeats: int, device: str) -> dict:
    """What came of a combination, for the JSON file; what goes wrong is a result too."""
    entry = dict(COMBINATIONS[name])
    needs, of_both = entry.pop('needs'), ('backbone', 'decode_head', 'auxiliary_head')
    found = dict(
        name=name,
        localizer=entry['localizer'],
        segmentor=stock_file(entry['config']).relative_to(STOCK).as_posix(),
        changed=sorted(of_both if 'same_backbone' in entry else entry.get('changes', ())),
        sizes=dict.fromkeys(('localizer', 'segmentor'), entry.get('size', size)),
    )
    if missing := [module for module in needs if find_spec(module) is None]:
        return found | dict(status='not run', reason=f'{", ".join(missing)} not installed')
    try:
        model = two_stage_model(crop_size=size, num_classes=ORGANS + 1, **entry)
        return found | dict(status='ok') | try_out(model, size, ORGANS, repeats, device)
    except Exception as error:  # whatever a library raises, the others go on
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())
        return found | dict(status='failed', reason=reason[:200])


def try_out(model: dict, size: int, organs: int, repeats: int = 1, device: str = 'cpu') -> dict:
    """Trains steps of the alternation on slices of a phantom, and predicts.

    Args:
        model: Config of an ``LSNet``; its weights are the same random ones each time.
        size: Height and width in pixels of the images, 32 at least.
        organs: Classes besides the background, 1 or 2.
        repeats: Times are medians of so many, after a first one.
        device: Such as ``cpu``.

    Returns:
        dict: Of either net ``backbones``, ``params`` and ``gflops``; ``losses`` of the first step
        by phase; ``seconds`` of a step and of a prediction.

    Raises:
        ValueError: If a loss is not finite, a backbone gets no gradient or an output is amiss.
    """
    init_default_scope('mmseg')
    batch, image = phantom_batch(size, organs), torch.zeros(1, 3, size, size, device=device)
    torch.manual_seed(0)
    model = MODELS.build(model)
    model.init_weights()
    # As MMSegmentation's tools do on a CPU; defaults of its classes are SyncBN, too.
    model = revert_sync_batchnorm(model).to(device)
    optim_wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), lr=1e-4))

    def step() -> dict:  # as ``AlternatingTrainLoop`` makes it
        model.train()
        logs = {}
        for phase in PHASES:
            data = model.data_preprocessor(deepcopy(batch), True)
            loss, log = model.parse_losses(model(**data, mode=phase))
            optim_wrapper.update_params(loss)
            logs[phase] = {key: float(value) for key, value in log.items()}
        return logs

    @torch.no_grad()
    def predict() -> list:
        return model.eval()(**model.data_preprocessor(deepcopy(batch), False), mode='predict')

    nets = dict(localizer=model.localizer, segmentor=model.segmentor)
    # What the gradient reaches last; some backbones freeze their stem.
    first = {
        key: next(weights for weights in net.backbone.parameters() if weights.requires_grad)
        for key, net in nets.items()
    }
    before = {key: weights.detach().clone() for key, weights in first.items()}
    losses, step_seconds = _timed(step, repeats)
    if not all(isfinite(value) for phase in losses.values() for value in phase.values()):
        raise ValueError(f'a loss is not finite: {losses}')
    for key, weights in first.items():
        if torch.equal(weights, before[key]):
            raise ValueError(f'no gradient reaches the backbone of the {key}')
    samples, predict_seconds = _timed(predict, repeats)
    for sample in samples:
        mask = sample.pred_sem_seg.data
        if mask.shape != (1, size, size) or not 0 <= mask.min() <= mask.max() <= organs:
            raise ValueError(f'a mask of {tuple(mask.shape)} with labels {mask.unique().tolist()}')
        if sample.pred_instances.bboxes.shape != (1, 4):
            raise ValueError(f'{len(sample.pred_instances)} boxes in an image, where one is asked')
    with torch.no_grad():
        crop = model(image, mode='tensor')[1].shape[2:]
    if crop != tuple(model.roi_extractor.size):
        raise ValueError(f'logits of {tuple(crop)} for a crop of {model.roi_extractor.size}')
    own = count_gflops(model, image, model.localizer)
    backbones = {key: net.backbone for key, net in nets.items()}
    return dict(
        # timm's wrapper has the model's own class in it.
        backbones={k: type(getattr(b, 'timm_model', b)).__name__ for k, b in backbones.items()},
        params={key: count_params(net) for key, net in nets.items()},
        gflops=dict(localizer=own, segmentor=count_gflops(model, image) - own),
        losses=losses,
        seconds=dict(step=step_seconds, predict=predict_seconds),
    )


def _timed(run: Callable, repeats: int) -> tuple:
    """What the first run gives, and the median of seconds of the others."""
    result, seconds = run(), []
    for _ in range(repeats):
        start = perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(perf_counter() - start)
    return result, median(seconds)


def phantom_batch(size: int, organs: int) -> dict:
    """``NUMBER`` slices (1, size, size) of a procedural CT with all organs in them, as a data
    loader gives them: ``inputs`` and ``data_samples``."""
    volume, label, _ = make_case(0, 1, (size, size, 8 * (NUMBER + 2)), organs)
    held = [k for k in range(label.shape[2]) if len(np.unique(label[..., k])) == organs + 1]
    pipeline = Compose(PIPELINE)
    return pseudo_collate(
        [
            pipeline(
                dict(
                    img=np.ascontiguousarray(volume[..., k].T, np.float32),
                    gt_seg_map=np.ascontiguousarray(label[..., k].T),
                    seg_fields=['gt_seg_map'],
                    img_shape=(size, size),
                    ori_shape=(size, size),
                )
            )
            for k in held[len(held) // 2 :][:NUMBER]
        ]
    )


def report(results: dict) -> str:
    """How it was measured in two sentences, and the table, in Markdown."""
    rows, env, how = results['rows'], results['env'], results['settings']
    done = [row for row in rows if row['status'] == 'ok']
    backbones = {name for row in done for name in row['backbones'].values()}
    versions = ', '.join(f'{name} {env[name]}' for name in ('torch', 'mmengine', 'mmseg'))
    ruler = ['---' if name in WORDS else '---:' for name in HEADER]
    table = '\n'.join(f'| {" | ".join(row)} |' for row in [HEADER, ruler, *map(_cells, rows)])
    return (
        f'{len(done)} of {len(rows)} combinations trained and predicted, with {len(backbones)} '
        f'classes of backbones. Images are {how["size"]} pixels wide and high, '
        f'{how["number"]} images a batch, {how["organs"] + 1} classes; medians of '
        f'{how["repeats"]} on {env["device"]} ({how["threads"]} threads), {versions}.'
        f'\n\n{table}\n'
    )


def _cells(row: dict) -> list[str]:
    nets = {net: ['-'] * 4 for net in ('segmentor', 'localizer')}
    seconds, result = ['-'] * 2, f'{row["status"]}: {row.get("reason")}'.replace('|', '/')
    if row['status'] == 'ok':
        for net in nets:
            size = f'{row["params"][net] / 1e6:.1f}', f'{row["gflops"][net]:.2f}'
            nets[net] = [row['backbones'][net], str(row['sizes'][net]), *size]
        seconds = [f'{row["seconds"][key]:.2f}' for key in ('step', 'predict')]
        result = 'trains, predicts'
    name = row['name'] + (' *' if row['changed'] else '')
    return [name, *nets['segmentor'], row['localizer'], *nets['localizer'], *seconds, result]
