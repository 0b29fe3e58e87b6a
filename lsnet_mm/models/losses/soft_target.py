"""How a soft target reaches a loss that a head of MMSegmentation calls with integers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn


def soft_losses(head: nn.Module) -> list[nn.Module]:
    """The losses of a decode head that say of themselves that they take soft targets."""
    losses = getattr(head, 'loss_decode', None)
    losses = losses if isinstance(losses, nn.ModuleList) else [losses]
    return [loss for loss in losses if getattr(loss, 'takes_soft_targets', False)]


@contextmanager
def soft_targets(
    losses: list[nn.Module], labels: Tensor, target: Tensor, weight: Tensor
) -> Iterator[None]:
    """Within it, losses called with ``labels`` get the soft target in their place.

    Heads stack the labels of samples, measure accuracy by them and hand them on: floats would
    stop all of that, so only the losses see floats. Other labels, such as those that PIDNet
    leaves near edges, have no soft form and stay.

    Args:
        losses: Modules called with logits, labels and perhaps a ``weight`` of each pixel.
        labels: (K, h, w) integers.
        target: (K, C, h, w).
        weight: (K, 1, h, w), multiplies the head's own.
    """

    def exchange(loss: nn.Module, args: tuple, kwargs: dict) -> tuple | None:
        same = len(args) == 2 and args[1].shape == labels.shape and (args[1] == labels).all()
        if not same:
            return None
        own = kwargs.get('weight')
        both = weight if own is None else weight * own.reshape(weight.shape)
        return (args[0], target), kwargs | dict(weight=both)

    with ExitStack() as stack:
        for loss in losses:
            stack.enter_context(loss.register_forward_pre_hook(exchange, with_kwargs=True))
        yield
