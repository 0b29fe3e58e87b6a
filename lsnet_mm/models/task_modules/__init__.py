from .roi_mixing import RoIMixing

__all__ = ['RoIMixing']
