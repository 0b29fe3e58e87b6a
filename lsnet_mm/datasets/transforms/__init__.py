"""Transforms of slices, of their masks and boxes; ``lsnet_mm.datasets`` names them."""
