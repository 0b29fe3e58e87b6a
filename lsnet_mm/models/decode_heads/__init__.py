from .conv_head import ConvHead

__all__ = ['ConvHead']
