from .per_net_constructor import PerNetConstructor

__all__ = ['PerNetConstructor']
