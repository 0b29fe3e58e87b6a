"""``tools/check_combinations.py``: trains each combination, and tabulates what came of it."""

import json
import logging
import re
import warnings
from collections.abc import Sequence
from copy import deepcopy
from importlib.util import find_spec
from math import isfinite
from pathlib import Path

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
from ...evaluation.complexity import count_params
from ...utils.files import write_atomic
from ...utils.machine import environment
from ..phantom import make_case
from .arguments import build_parser
from .catalogue import COMBINATIONS, STOCK, stock_file, two_stage_model

SIZE = 160  # height and width of images and crops, in pixels
NUMBER, ORGANS = 2, 2  # images in the batch, classes besides the background
OUT, DOCS = Path('results/combinations.json'), Path('docs/combinations.md')
PIPELINE = (
    dict(type='HUWindow'),
    dict(type='BoxesFromMask', merge_distance=80),
    dict(type='GenerateEdge', edge_width=4),  # for PIDNet
    dict(type='PackLSNetInputs'),
)
HEADER = ('S-Net', 'backbone', 'params (M)', 'L-Net', 'backbone', 'params (M)', 'result')


def main(argv: Sequence[str] | None = None) -> int:
    """Try the combinations, and write the files.

    Returns:
        int: 0 if all that could be run trained and predicted, else 1.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    if unknown := set(args.rows or ()) - COMBINATIONS.keys():
        parser.error(f'--rows: {", ".join(sorted(unknown))} not in combinations/catalogue.py')
    # MMSegmentation warns of arguments in its own configs, mmengine lists all it initialises.
    warnings.simplefilter('ignore')
    MMLogger.get_instance('check_combinations', log_level=logging.WARNING)
    names = [name for name in COMBINATIONS if name in (args.rows or COMBINATIONS)]
    rows = [row(name) for name in track(names)]
    settings = dict(size=SIZE, number=NUMBER, organs=ORGANS)
    results = dict(env=environment('cpu'), settings=settings, rows=rows)
    print(report(results))
    if not args.rows:
        write_atomic(OUT, (json.dumps(results, indent=1) + '\n').encode())
        marked = re.compile(r'(<!-- combinations -->\n).*?(<!-- end -->)', re.DOTALL)
        filled = marked.sub(lambda m: m[1] + report(results) + m[2], DOCS.read_text())
        write_atomic(DOCS, filled.encode())
    return int(any(row['status'] == 'failed' for row in rows))


def row(name: str) -> dict:
    """What came of a combination, for the JSON file; what goes wrong is a result too."""
    entry = dict(COMBINATIONS[name])
    needs, of_both = entry.pop('needs'), ('auxiliary_head', 'backbone', 'decode_head')
    found = dict(
        name=name,
        localizer=entry['localizer'],
        segmentor=stock_file(entry['config']).relative_to(STOCK).as_posix(),
        changed=[*of_both] if entry['same_backbone'] else [],
    )
    if missing := [module for module in needs if find_spec(module) is None]:
        return found | dict(status='not run', reason=f'{", ".join(missing)} not installed')
    try:
        model = two_stage_model(crop_size=SIZE, num_classes=ORGANS + 1, **entry)
        return found | dict(status='ok') | try_out(model, SIZE, ORGANS)
    except Exception as error:  # whatever a library raises, the others go on
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())
        return found | dict(status='failed', reason=reason[:200])


def try_out(model: dict, size: int, organs: int) -> dict:
    """Trains a step of the alternation on slices of a phantom, and predicts.

    Args:
        model: Config of an ``LSNet``; its weights are the same random ones each time.
        size: Height and width in pixels of the images, 32 at least.
        organs: Classes besides the background, 1 or 2.

    Returns:
        dict: Of either net ``backbones`` and ``params``; ``losses`` of the step by phase.

    Raises:
        ValueError: If a loss is not finite, a backbone gets no gradient or an output is amiss.
    """
    init_default_scope('mmseg')
    batch = phantom_batch(size, organs)
    torch.manual_seed(0)
    model = MODELS.build(model)
    model.init_weights()
    # As MMSegmentation's tools do on a CPU; defaults of its classes are SyncBN, too.
    model = revert_sync_batchnorm(model)
    optim_wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), lr=1e-4))
    nets = dict(localizer=model.localizer, segmentor=model.segmentor)
    # What the gradient reaches last; some backbones freeze their stem.
    first = {
        key: next(weights for weights in net.backbone.parameters() if weights.requires_grad)
        for key, net in nets.items()
    }
    before = {key: weights.detach().clone() for key, weights in first.items()}
    losses = {}
    model.train()
    for phase in PHASES:  # as ``AlternatingTrainLoop`` makes it
        data = model.data_preprocessor(deepcopy(batch), True)
        loss, log = model.parse_losses(model(**data, mode=phase))
        optim_wrapper.update_params(loss)
        losses[phase] = {key: float(value) for key, value in log.items()}
    if not all(isfinite(value) for phase in losses.values() for value in phase.values()):
        raise ValueError(f'a loss is not finite: {losses}')
    for key, weights in first.items():
        if torch.equal(weights, before[key]):
            raise ValueError(f'no gradient reaches the backbone of the {key}')
    with torch.no_grad():
        data = model.eval().data_preprocessor(batch, False)
        samples = model(**data, mode='predict')
        crop = model(data['inputs'][:1], mode='tensor')[1].shape[2:]
    for sample in samples:
        mask = sample.pred_sem_seg.data
        if mask.shape != (1, size, size) or not 0 <= mask.min() <= mask.max() <= organs:
            raise ValueError(f'a mask of {tuple(mask.shape)} with labels {mask.unique().tolist()}')
        if sample.pred_instances.bboxes.shape != (1, 4):
            raise ValueError(f'{len(sample.pred_instances)} boxes in an image, where one is asked')
    if crop != tuple(model.roi_extractor.size):
        raise ValueError(f'logits of {tuple(crop)} for a crop of {model.roi_extractor.size}')
    backbones = {key: net.backbone for key, net in nets.items()}
    return dict(
        # timm's wrapper has the model's own class in it.
        backbones={k: type(getattr(b, 'timm_model', b)).__name__ for k, b in backbones.items()},
        params={key: count_params(net) for key, net in nets.items()},
        losses=losses,
    )


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
    ruler = ['---:' if name.startswith('params') else '---' for name in HEADER]
    table = '\n'.join(f'| {" | ".join(row)} |' for row in [HEADER, ruler, *map(_cells, rows)])
    return (
        f'{len(done)} of {len(rows)} combinations trained and predicted, with {len(backbones)} '
        f'classes of backbones. Images are {how["size"]} pixels wide and high, '
        f'{how["number"]} images a batch, {how["organs"] + 1} classes; {versions}.'
        f'\n\n{table}\n'
    )


def _cells(row: dict) -> list[str]:
    nets = {net: ['-'] * 2 for net in ('segmentor', 'localizer')}
    result = f'{row["status"]}: {row.get("reason")}'.replace('|', '/')
    if row['status'] == 'ok':
        result = 'trains, predicts'
        for net in nets:
            nets[net] = [row['backbones'][net], f'{row["params"][net] / 1e6:.1f}']
    name = row['name'] + (' *' if row['changed'] else '')
    return [name, *nets['segmentor'], row['localizer'], *nets['localizer'], result]
