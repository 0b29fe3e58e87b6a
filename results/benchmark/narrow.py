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
    """Milliseconds a slice, speed against the first way, and how far logits move at most."""
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
            moved=float(f'{moved[name]:.3g}'),
        )
    return rows


def bound(net, images):
    """Where the time goes: each convolution alone, beside the rate of a wide one."""
    net, calls = fold_norms(copy.deepcopy(net)), []
    images = images.to(memory_format=torch.channels_last)

    def note(conv, inputs, output):
        calls.append((conv, inputs[0], output))

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, nn.Conv2d)]
    net(images)
    for hook in hooks:
        hook.remove()
    rate, whole = machine_rate('cpu', 'float32'), seconds(lambda: net(images))
    time, macs = Counter(), Counter()
    for conv, x, y in calls:
        part = part_of(conv, y.shape[-1])
        time[part] += seconds(lambda conv=conv, x=x: conv(x))
        macs[part] += y.numel() * conv.kernel_size[0] ** 2 * conv.in_channels // conv.groups
    time['all else'] = whole - time.total()
    return dict(
        matrix_rate_of_3x3_GMAC_s={
            str(c): round(machine_rate('cpu', 'float32', c) / 1e9, 1) for c in (16, 32, 64, 256)
        },
        net_ms=round(1000 * whole / BATCH, 3),
        least_ms=round(1000 * macs.total() / rate / BATCH, 3),
        parts={
            part: dict(ms=round(1000 * spent / BATCH, 3), work=round(macs[part] / macs.total(), 3))
            for part, spent in time.items()
        },
    )


def part_of(conv, width):
    if width == SIDE and conv.in_channels == conv.out_channels == 16:
        return 'convolutions of 16 to 16 channels at full size'
    return 'the last convolution, of 16 to 1' if conv.out_channels == 1 else 'other convolutions'


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
