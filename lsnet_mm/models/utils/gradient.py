import torch
from torch import Tensor


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.factor, None


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """The same values, with the gradient that flows back multiplied by ``factor``.

    A factor of 0 detaches: no gradient is not the same as a zero gradient, which would still move
    a parameter by Adam's momentum.
    """
    return _ScaleGradient.apply(x, factor) if factor else x.detach()
