from collections.abc import Sequence

import numpy as np


def spread(values: Sequence[float]) -> dict[str, float]:
    """``median``, and the quartiles ``low`` and ``high``."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return dict(median=float(middle), low=float(low), high=float(high))


def ratios(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """The spread of the ratios of values from the same rounds.

    Raises:
        ValueError: If there are not as many of each.
    """
    return spread([a / b for a, b in zip(above, below, strict=True)])
