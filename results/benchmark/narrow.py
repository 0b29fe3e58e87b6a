"""How fast nets of width 16 could be, and are: writes ``narrow.json`` beside this file.

    OMP_NUM_THREADS=1 python results/benchmark/narrow.py

The one-stage U-Net that comes along, in the ways of running it that PyTorch has, each against the
first within rounds; then each of its convolutions alone, beside the rate of a wide one. CPU time
on one thread: another process beside it slows the clock less than it slows time.
"""

import copy
import json
import warnings
from collections import Counter
from pathlib import Path
from time import process_time

import torch
from torch import nn

from lsnet_mm.apis.model import load_model, read_model_config
from lsnet_mm.experiments.benchmark.measure import machine_rate
from lsnet_mm.models.utils.fold_norms import fold_norms
from lsnet_mm.utils.files import write_atomic
from lsnet_mm.utils.memory import keep_memory

ROOT = Path(__file__).resolve().parents[2]
CONFIG, WEIGHTS = 'configs/unet/unet_small_slices.py', 'lsnet_mm/weights/unet_small_slices.pth'
BATCH, SIDE, ROUNDS = 8, 160, 20


class Net(nn.Module):
    """Backbone, neck and head of a model: a tensor goes in and logits come out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs):
        return self.model.decode_head(self.model.extract_feat(inputs))


def seconds(run, rounds=ROUNDS):
    """CPU seconds of a run: the median of rounds."""
    times = []
    for _ in range(rounds):
        start = process_time()
        run()
        times.append(process_time() - start)
    return sorted(times)[rounds // 2]


def ways(net, images):
    """Functions of the images, by what they are called."""
    last = images.to(memory_format=torch.channels_last)
    folded = fold_norms(copy.deepcopy(net))
    plain = copy.deepcopy(folded).to(memory_format=torch.contiguous_format)
    traced = torch.jit.freeze(torch.jit.trace(folded, last))
    blocked = torch.jit.optimize_for_inference(torch.jit.trace(plain, images))
    compiled = torch.compile(copy.deepcopy(net))

    def bfloat16():
        with torch.autocast('cpu', torch.bfloat16):
            return folded(last)

    return {
        'norms apart': lambda: net(last),
        'norms folded (what runs now)': lambda: folded(last),
        'norms folded, contiguous weights': lambda: plain(images),
        'norms folded, traced and frozen': lambda: traced(last),
        'norms folded, the blocked layout': lambda: blocked(images),
        'norms folded, bfloat16': bfloat16,
        'compiled': lambda: compiled(last),
    }


def compare(runs):
    """Milliseconds a slice, speed against the first way, and how far logits move."""
    times, truth = {name: [] for name in runs}, next(iter(runs.values()))()
    moved = {name: float((run().float() - truth).abs().max()) for name, run in runs.items()}
    for name, run in list(runs.items()) * ROUNDS:
        start = process_time()
        run()
        times[name].append(process_time() - start)
    base, rows = torch.tensor(next(iter(times.values()))), {}
    for name, spent in times.items():
        spent = torch.tensor(spent)
        rows[name] = dict(
            ms_a_slice=round(1000 * float(spent.median()) / BATCH, 2),
            speed=round(float((base / spent).median()), 2),
            largest_difference_of_logits=moved[name],
        )
    return rows


def bound(net, images):
    """Each convolution alone: its part of the time and of the work, and the rate it reaches."""
    net, calls = fold_norms(copy.deepcopy(net)), []
    images = images.to(memory_format=torch.channels_last)
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]

    def note(conv, inputs, output):
        calls.append((conv, inputs[0], output))

    hooks = [conv.register_forward_hook(note) for conv in convolutions]
    net(images)
    for hook in hooks:
        hook.remove()
    rate = machine_rate('cpu', 'float32')
    time, macs = Counter(), Counter()
    for conv, x, y in calls:
        width, size = y.shape[-1], conv.kernel_size[0]
        name = f'{conv.in_channels}->{conv.out_channels}, {size}x{size}, {width} pixels wide'
        time[name] += seconds(lambda conv=conv, x=x: conv(x))
        macs[name] += y.numel() * size**2 * conv.in_channels // conv.groups
    whole, least = seconds(lambda: net(images)), macs.total() / rate
    return dict(
        matrix_rate_of_3x3_GMAC_s={
            str(c): round(machine_rate('cpu', 'float32', c) / 1e9, 1) for c in (16, 32, 64, 256)
        },
        macs_a_slice=macs.total() / BATCH,
        net_ms=round(1000 * whole / BATCH, 2),
        convolutions_ms=round(1000 * time.total() / BATCH, 2),
        reached=round(least / whole, 2),
        reached_by_convolutions_alone=round(least / time.total(), 2),
        layers={
            name: dict(
                ms=round(1000 * spent / BATCH, 3),
                share_of_time=round(spent / whole, 3),
                share_of_work=round(macs[name] / macs.total(), 3),
                matrix_rate_reached=round(macs[name] / rate / spent, 2),
            )
            for name, spent in time.most_common()
        },
    )


@torch.inference_mode()
def main():
    warnings.simplefilter('ignore')
    keep_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = load_model(read_model_config(ROOT / CONFIG), ROOT / WEIGHTS, 'cpu')
    net, images = Net(model).eval(), torch.randn(BATCH, 3, SIDE, SIDE)
    results = dict(
        what=f'{CONFIG} with its weights, batches of {BATCH} of {SIDE}x{SIDE}, one thread, CPU '
        f'time, medians of {ROUNDS} rounds in turns; made by results/benchmark/narrow.py',
        torch=torch.__version__,
        ways=compare(ways(net, images)),
        bound=bound(net, images),
    )
    text = json.dumps(results, indent=1)
    write_atomic(Path(__file__).with_suffix('.json'), f'{text}\n'.encode())
    print(text)


if __name__ == '__main__':
    main()
