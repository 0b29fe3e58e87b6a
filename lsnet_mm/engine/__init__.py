from . import hooks, loops

__all__ = ['hooks', 'loops']
