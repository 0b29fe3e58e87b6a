import torch
from torch import nn

from lsnet_mm.evaluation.complexity import count_gflops, count_params


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)

    def forward(self, inputs, mode):
        assert mode == 'tensor'
        assert not self.training
        return self.conv(inputs)


def test_multiply_adds_count_once():
    net = Net().train()
    assert count_gflops(net, torch.rand(1, 3, 10, 10)) == 8 * 3 * 9 * 100 / 1e9
    assert net.training
    assert count_params(net) == 8 * 3 * 9


def test_a_part_has_a_share():
    net = Net()
    net.last = nn.Conv2d(8, 1, 1, bias=False)
    net.forward = lambda inputs, mode: net.last(net.conv(inputs))
    assert count_gflops(net, torch.rand(1, 3, 10, 10), net.last) == 8 * 100 / 1e9


def test_a_part_that_is_not_called_itself_has_the_share_of_what_is_in_it():
    """As a segmentor asked for ``encode_decode``."""
    net = Net()
    net.part = nn.ModuleDict(
        dict(a=nn.Conv2d(8, 2, 1, bias=False), b=nn.Sequential(nn.Conv2d(2, 1, 1, bias=False)))
    )
    net.forward = lambda inputs, mode: net.part['b'](net.part['a'](net.conv(inputs)))
    assert count_gflops(net, torch.rand(1, 3, 10, 10), net.part) == (16 + 2) * 100 / 1e9
