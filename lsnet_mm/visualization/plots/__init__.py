"""Plots of results: one function a plot, from plain numbers to the bytes of a PNG."""

from .area import plot_area
from .bars import plot_bars
from .gap import plot_gap
from .style import WIDTH

__all__ = ['WIDTH', 'plot_area', 'plot_bars', 'plot_gap']
