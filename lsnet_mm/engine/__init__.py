"""What a training runs by: loops, hooks, and a constructor of optimisers."""

from . import hooks, loops, optimizers

__all__ = ['hooks', 'loops', 'optimizers']
