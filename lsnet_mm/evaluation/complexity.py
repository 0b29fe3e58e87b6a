"""The size and the cost of a model."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def count_params(model: nn.Module) -> int:
    """The number of parameters, trained or frozen, shared ones once."""
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def count_gflops(model: nn.Module, inputs: Tensor, part: nn.Module | None = None) -> float:
    """The cost of one ``model(inputs, mode='tensor')`` in units of 1e9 multiply-adds.

    One multiply-add counts as one, as mmengine's ``get_model_complexity_info`` and the papers
    count "FLOPs"; torch's counter has two. Convolutions and matrix products are counted, the
    rest is not. What ``tensor`` runs is the model's own word; LSNet runs one RoI an image.

    Args:
        model: A model of mmengine's ``forward`` convention; its mode is left as it was.
        inputs: (N, C, H, W), preprocessed.
        part: A module inside the model: its share alone.
    """
    training = model.training
    model.eval()
    try:
        with FlopCounterMode(display=False) as counter:
            model(inputs, mode='tensor')
    finally:
        model.train(training)
    if part is None:
        return counter.get_total_flops() / 2 / 1e9
    modules = model.named_modules(prefix=type(model).__name__)
    name = next(name for name, module in modules if module is part)
    # Of a part that is not called itself, what the outermost modules in it did.
    counts = counter.get_flop_counts()
    inside = [key for key in counts if f'{key}.'.startswith(f'{name}.')]
    outermost = [key for key in inside if not any(key.startswith(f'{k}.') for k in inside)]
    return sum(sum(counts[key].values()) for key in outermost) / 2 / 1e9
