"""What the processes of a distributed run have to agree on, and a rank's share of a loss."""

import torch
from mmengine.dist import all_reduce, get_world_size


def mean_over_ranks(*values: float) -> list[float]:
    """The mean of each number over all processes; the numbers themselves in a lone process.

    Every process must call it, with as many numbers: those that do wait for those that do not.
    """
    if get_world_size() == 1:
        return list(values)
    means = torch.tensor(values, dtype=torch.float64)
    all_reduce(means, 'mean')
    return means.tolist()


def scale_losses(losses: dict, factor: float) -> dict:
    """Losses, or lists of them, times a factor; what else is logged beside them stays."""
    scaled = dict(losses)
    for key in (key for key in losses if 'loss' in key):
        loss = losses[key]
        scaled[key] = [x * factor for x in loss] if isinstance(loss, list) else loss * factor
    return scaled
