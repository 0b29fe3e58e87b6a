"""The configs that the benchmark's tests run."""

from pathlib import Path

CONFIGS = Path(__file__).parents[1] / 'configs'
LSNET = CONFIGS / 'lsnet' / 'lsnet_small_phantom.py'
COARSE = CONFIGS / 'c2f' / 'c2f_small_unet_slices.py'
UNET = CONFIGS / 'unet' / 'unet_small_slices.py'
