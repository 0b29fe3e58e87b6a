"""Both loops end at the same weights in two processes as in one, with as many images a step."""

import pytest
import torch
from training import LOOPS, train


@pytest.mark.parametrize('name', LOOPS)
def test_end_weights_are_those_of_one_process(ranks, name, tmp_path):
    alone, moved = train(name, tmp_path, ranks=1)
    two, other = (found['trained'][name] for found in ranks)
    assert moved > 1e-3
    for key, value in alone.items():
        assert float((two[key] - value).abs().max()) < 1e-3 * moved
        assert two[key].equal(other[key])


@pytest.mark.parametrize('kind', ['epoch', 'iter'])
def test_what_is_saved_is_what_every_rank_validated(ranks, kind):
    """BatchNorm's running means, those of EMA's copy among them."""
    first, other = (found['statistics'][kind] for found in ranks)
    validated, saved, copied = first
    assert saved and validated.keys() == saved.keys() == copied.keys()
    for key, mean in validated.items():
        assert mean.any() and mean.equal(other[0][key])
        torch.testing.assert_close(saved[key], mean)
        torch.testing.assert_close(copied[key], mean)
