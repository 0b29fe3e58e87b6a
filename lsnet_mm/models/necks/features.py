from collections.abc import Sequence

from torch import Tensor


def check_features(owner: object, inputs: Sequence[Tensor], in_channels: Sequence[int]) -> None:
    """Refuses features that do not fit a neck, before a convolution fails on them.

    Raises:
        ValueError: With the channels that came and those that the config announces.
    """
    name, got = type(owner).__name__, [x.size(1) for x in inputs]
    if len(got) == 1 and len(in_channels) > 1:
        raise ValueError(
            f'{name} needs {len(in_channels)} scales (in_channels={list(in_channels)}), but the '
            f'backbone gives a single one with {got[0]} channels. Choose a multi-scale backbone, '
            "or set its 'out_indices'."
        )
    if got != list(in_channels):
        raise ValueError(
            f'{name}: the backbone gives features of {got} channels, finest first, but '
            f"in_channels={list(in_channels)}. Set the neck's 'in_channels', or the backbone's "
            "'out_indices', so that the two agree."
        )
