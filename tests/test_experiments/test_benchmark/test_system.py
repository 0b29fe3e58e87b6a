import pytest
import torch
from benchmarking import UNET
from mmengine.config import Config

from lsnet_mm.apis.load_model import read_model_config
from lsnet_mm.experiments.benchmark.command import parse_args
from lsnet_mm.experiments.benchmark.system import Switches, System
from lsnet_mm.experiments.benchmark.timing import Stopwatch
from lsnet_mm.experiments.benchmark.training import Training


def variants(*names, batch_size=2):
    return parse_args([str(UNET), '--batch-size', str(batch_size), '--variants', *names]).variants


def test_words_change_what_they_name_and_later_ones_win():
    ways = variants('configured', 'plain+bfloat16', 'plain+fused-adam', batch_size=3)
    assert ways['configured'] == Switches(batch_size=3)
    assert ways['plain+bfloat16'] == Switches(
        batch_size=3, dtype='bfloat16', channels_last=False, fused_adam=False
    )
    assert ways['plain+fused-adam'].fused_adam is True


@pytest.mark.parametrize('name', ['configured', 'plain', 'channels-last', 'plain+fused-adam'])
def test_they_reach_the_net_and_the_optimizer(scene, name):
    way = variants(name)[name]
    system = System.from_config(UNET, way, variant=name)
    assert system.name == f'unet_small_slices, {name}'
    training, orders = Training(system, scene), []
    system.model.backbone.register_forward_hook(
        lambda module, args, out: orders.append(
            out[0].is_contiguous(memory_format=torch.channels_last)
        )
    )
    training.step(Stopwatch(lambda: 0.0))
    assert orders == ['plain' not in name]  # the config has the hook
    fused = training.optim_wrapper.optimizer.defaults['fused']
    assert bool(fused) == ('fused-adam' in name)


@pytest.mark.parametrize(('name', 'last'), [('configured', True), ('plain', False)])
def test_the_schedule_of_the_paper(scene, name, last):
    """Maps turned and weights not; all weights in inference."""
    way = variants(name)[name]
    config = read_model_config(UNET)
    schedule = Config.fromfile(UNET.parents[1] / '_base_' / 'schedules' / 'paper_60e.py')
    config.optim_wrapper, config.custom_hooks = schedule.optim_wrapper, schedule.custom_hooks
    system = System(name, config, way)
    kernel = system.model.backbone.layer1[0].conv1.weight
    assert kernel.is_contiguous(memory_format=torch.channels_last) == last
    training, orders = Training(system, scene), []
    assert kernel.is_contiguous()
    system.model.backbone.register_forward_hook(
        lambda module, args, out: orders.append(
            out[-1].is_contiguous(memory_format=torch.channels_last)
        )
    )
    training.step(Stopwatch(lambda: 0.0))
    assert orders == [last]
    assert training.optim_wrapper.optimizer.defaults['fused'] == last
