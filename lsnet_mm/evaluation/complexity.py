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
    training, depth, flops = model.training, 0, 0
    counter = FlopCounterMode(display=False)

    # A part may not be called itself: what the outermost modules in it do is counted.
    def enter(*_) -> None:
        nonlocal depth, flops
        flops -= counter.get_total_flops() * (depth == 0)
        depth += 1

    def leave(*_) -> None:
        nonlocal depth, flops
        depth -= 1
        flops += counter.get_total_flops() * (depth == 0)

    modules = [*(model if part is None else part).modules()]
    hooks = [m.register_forward_pre_hook(enter) for m in modules]
    hooks += [m.register_forward_hook(leave) for m in modules]
    model.eval()
    try:
        with counter:
            model(inputs, mode='tensor')
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return flops / 2 / 1e9
