"""What people expect of a training, in the alternating loop; each test fails where it is ignored.

Accumulation, clipping and the iteration-based twin are in ``test_alternating_loop.py``.
"""

from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from alternation import BOX, SGD, difference, run, twins, with_val
from helpers import localizer, lsnet, segmentor
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS

from lsnet_mm.models.utils.compile_nets import compile_nets
from lsnet_mm.utils.versions import has_fused_on_cpu

ROOT = Path(__file__).parents[2]
BN = dict(type='BN')
BOTH = ('loss_localizer', 'loss_segmentor')


def with_hooks(*hooks):
    return dict(custom_hooks=[dict(hook) for hook in hooks])


def clones(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def moved(before, model):
    return {name for name, value in model.state_dict().items() if not value.equal(before[name])}


def watch(model, note):
    """Calls ``note(mode)`` before each pass of the model."""
    model.register_forward_pre_hook(
        lambda module, args, kwargs: note(kwargs['mode']), with_kwargs=True
    )


def test_ema_weights_are_those_evaluated(tmp_path):
    model, seen = lsnet(), {}
    watch(model, lambda mode: seen.setdefault(mode, []).append(clones(model)))
    runner, _ = run(tmp_path, model, runner=with_val(dict(type='EMAHook', momentum=0.5)))
    (start, first), (evaluated,), last = seen['loss_localizer'], seen['predict'], runner.model
    # The hook starts from the first update's weights, then mixes in half of each new one.
    for name, weight in last.named_parameters():
        expected = 0.5 * first[name] + 0.5 * weight
        torch.testing.assert_close(evaluated[name], expected, rtol=1e-5, atol=1e-7)
    assert moved(evaluated, last)
    assert any(not start[name].equal(first[name]) for name in start)


def test_early_stopping(tmp_path):
    stop = dict(type='EarlyStoppingHook', monitor='constant/score', patience=2, rule='greater')
    runner, _ = run(tmp_path, lsnet(), max_epochs=9, runner=with_val(stop))
    assert runner.epoch == 3


def test_warm_up_and_decay_act_on_both_phases(tmp_path):
    model, rates = lsnet(), []

    class Watch(Hook):
        def before_run(self, runner):
            watch(model, lambda mode: rates.append((mode, runner.optim_wrapper.get_lr()['lr'][0])))

    schedule = [
        dict(type='LinearLR', start_factor=0.25, by_epoch=False, begin=0, end=3),
        dict(type='MultiStepLR', milestones=[2], gamma=0.1, by_epoch=True),
    ]
    sgd = dict(optimizer=dict(type='SGD', lr=1.0))
    options = dict(param_scheduler=schedule, custom_hooks=[Watch()])
    run(tmp_path, model, max_epochs=3, wrapper=sgd, runner=options)
    steps = [0.25, 0.625, 1, 1, 0.1, 0.1]
    assert [mode for mode, _ in rates] == [*BOTH] * 6
    for phase in range(2):
        assert [rate for _, rate in rates[phase::2]] == pytest.approx(steps)


@OPTIM_WRAPPERS.register_module(force=True)
class CPUAutocast(OptimWrapper):
    """Mixed precision as ``AmpOptimWrapper`` has it, which asks for a GPU."""

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason='mmengine has AMP on a GPU only')


@pytest.mark.parametrize(
    'wrapper, dtype',
    [
        ('CPUAutocast', 'bfloat16'),
        pytest.param('AmpOptimWrapper', 'float16', marks=GPU),
        pytest.param('AmpOptimWrapper', 'bfloat16', marks=GPU),
    ],
)
def test_mixed_precision_reaches_both_phases(tmp_path, wrapper, dtype):
    """Convolutions in half precision, losses in single; and it trains."""
    model, seen = lsnet(), {}
    model.init_weights = lambda: None
    before = clones(model)
    for net in (model.localizer, model.segmentor):
        net.backbone.conv1.register_forward_hook(
            lambda module, args, output: seen.setdefault('conv', set()).add(output.dtype)
        )
    model.register_forward_hook(
        lambda module, args, kwargs, losses: seen.setdefault(kwargs['mode'], set()).update(
            value.dtype for value in losses.values()
        ),
        with_kwargs=True,
    )
    amp = dict(dtype=dtype) if wrapper == 'AmpOptimWrapper' else {}
    run(tmp_path, model, wrapper=dict(type=wrapper) | amp)
    assert seen == {'conv': {getattr(torch, dtype)}} | dict.fromkeys(BOTH, {torch.float32})
    assert all(torch.isfinite(p).all() for p in model.parameters()) and moved(before, model)


def test_tensorboard(tmp_path):
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    backends = [dict(type='TensorboardVisBackend')]
    options = dict(
        visualizer=dict(type='Visualizer', vis_backends=backends, name='board'),
        default_hooks=dict(checkpoint=None, logger=dict(type='LoggerHook', interval=1)),
    )
    run(tmp_path, lsnet(), runner=options)
    (file,) = tmp_path.rglob('events.out.tfevents*')
    board = events.EventAccumulator(str(file))
    board.Reload()
    tags = set(board.Tags()['scalars'])
    assert {'loss', 'localizer.loss_cls', 'localizer.loss_bbox', 'lr'} <= tags
    assert any(tag.startswith('segmentor.') for tag in tags)
    assert len(board.Scalars('loss')) == 2


def test_compile_is_honoured(tmp_path):
    """mmengine would compile ``train_step``, which this loop does not call."""
    model, other = twins()
    run(tmp_path / 'a', model, wrapper=SGD)
    compiled, phase = set(), []
    watch(other, phase.append)
    names = {id(p): name for name, p in other.named_parameters()}

    def recorder(graph, inputs):
        def run_graph(*args):
            given = (*args, *graph.parameters())  # an older torch leaves them in the graph
            for name in (names[id(a)] for a in given if id(a) in names):
                compiled.add((phase[-1], '.'.join(name.split('.')[:3])))
            return graph(*args)

        return run_graph

    torch._dynamo.register_backend(recorder, name='recorder')
    run(tmp_path / 'b', other, wrapper=SGD, runner=dict(cfg=dict(compile=dict(backend='recorder'))))
    first, second = ({part for mode, part in compiled if mode == phase} for phase in BOTH)
    for part in ('backbone.layer4', 'head.distances', 'head.keypoints'):
        assert f'localizer.{part}' in first & second
    assert {'segmentor.backbone.layer4', 'segmentor.decode_head.conv_seg'} <= second
    assert difference(model, other) < 1e-6
    torch._dynamo.reset()


def test_compiling_what_has_no_nets_is_refused():
    with pytest.raises(ValueError, match="Linear has none of backbone, .*Leave out 'compile'"):
        compile_nets(torch.nn.Linear(1, 1))


@pytest.mark.parametrize('weights', [True, False])
def test_channels_last(tmp_path, weights):
    """Maps at least, and the same training up to rounding."""
    (model, other), seen = twins(), []
    for net in (other.segmentor, other.localizer):
        net.backbone.layer1.register_forward_hook(
            lambda module, args, output: seen.append(
                output.is_contiguous(memory_format=torch.channels_last)
            )
        )
    run(tmp_path / 'a', model, wrapper=SGD)
    hook = dict(type='ChannelsLastHook', weights=weights)
    run(tmp_path / 'b', other, wrapper=SGD, runner=with_hooks(hook))
    assert seen and all(seen)
    assert all(p.is_contiguous() for p in other.parameters()) != weights
    assert difference(model, other) < 1e-3


@pytest.mark.parametrize('devices, applies', [(None, True), (('cpu',), True), (('cuda',), False)])
def test_channels_last_on_named_devices(devices, applies):
    model = torch.nn.Conv2d(3, 4, 3)
    hook = HOOKS.build(dict(type='ChannelsLastHook', devices=devices))
    runner = SimpleNamespace(model=model, optim_wrapper=Config(dict(optimizer=dict(fused=True))))
    hook.before_run(runner)  # that of a test, which leaves the optimizer's config alone
    assert model.weight.is_contiguous(memory_format=torch.channels_last) == applies


@pytest.mark.parametrize(
    'frozen, phases, moves, statistics',
    [
        ('localizer', BOTH[1:], 'segmentor', True),
        ('segmentor', BOTH[:1], 'localizer', True),
        # It trains L-Net through its boxes, which are proposed with the statistics of phase 1.
        ('segmentor', BOTH[1:], 'localizer.head.distances', False),
        ('localizer.backbone', BOTH, 'localizer.neck', True),
    ],
)
def test_a_frozen_part_stays(tmp_path, frozen, phases, moves, statistics):
    """Its running statistics, too."""
    model = lsnet(head=dict(norm_cfg=BN), seg=segmentor(norm_cfg=BN))
    model.init_weights = lambda: None
    before = clones(model)
    hook = dict(type='FreezeHook', modules=(frozen,))
    run(tmp_path, model, phases=phases, runner=with_hooks(hook))
    names = moved(before, model)
    assert not any(name.startswith(frozen) for name in names)
    assert any(name.startswith(moves) for name in names)
    assert any('running_mean' in name for name in names) == statistics


@pytest.mark.parametrize(
    'hook, message',
    [
        (dict(type='FreezeHook', modules=('localizer',)), "'loss_localizer' reaches no .*phases"),
        (dict(type='FreezeHook', modules=('localiser',)), 'localiser.*The model has: .*localizer'),
    ],
)
def test_hooks_that_do_not_fit_are_refused(tmp_path, hook, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path, lsnet(), runner=with_hooks(hook))


def test_a_fused_step_is_taken_where_torch_has_one(tmp_path):
    """Either way it is Adam's; beside channels-last weights a fused one on a CPU is refused."""
    fused = dict(optimizer=dict(type='Adam', lr=1e-3, fused=True))
    one, other = twins()
    runner, _ = run(tmp_path / 'a', one, wrapper=fused)
    run(tmp_path / 'b', other)
    assert difference(one, other) < 1e-5
    has_one = has_fused_on_cpu()
    with nullcontext() if has_one else pytest.raises(RuntimeError):
        torch.optim.Adam([torch.zeros(1)], fused=True)
    assert bool(runner.optim_wrapper.optimizer.defaults['fused']) == has_one
    message = 'fused=True on a CPU wants weights=False'
    with pytest.raises(ValueError, match=message) if has_one else nullcontext():
        hook = with_hooks(dict(type='ChannelsLastHook'))
        run(tmp_path / 'c', lsnet(), wrapper=fused, runner=hook)


@pytest.mark.parametrize('count', [1, 2])
def test_batches_that_reach_nothing_are_counted_and_passed_over(tmp_path, count):
    """The segmentor is frozen, and a batch without an object has no box to go through."""
    model = lsnet()
    model.init_weights = lambda: None
    before = clones(model)
    _, modes = run(
        tmp_path,
        model,
        (BOX, BOX, None, None),
        wrapper=dict(accumulative_counts=count),
        phases=BOTH[1:],
        runner=with_hooks(dict(type='FreezeHook', modules=('segmentor',))),
    )
    assert modes == ['loss_segmentor'] * 2
    assert 'localizer.head.distances.2.weight' in moved(before, model)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize('net', ['localizer', 'segmentor'])
def test_weights_of_one_net(tmp_path, net):
    """From a whole checkpoint by prefix, and from a one-stage model as it is."""
    source, whole = lsnet(), net == 'localizer'
    state = (source if whole else source.segmentor).state_dict()
    torch.save(dict(state_dict=state), tmp_path / 'net.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'net.pth'))
    if whole:
        parts = dict(localizer=localizer() | dict(init_cfg=init | dict(prefix='localizer.')))
    else:
        parts = dict(seg=segmentor() | dict(init_cfg=init))
    torch.manual_seed(1)
    model = lsnet(**parts)
    model.init_weights()
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and weight.ndim == 4:
            assert weight.equal(source.state_dict()[name]) == name.startswith(net), name


def test_learning_rates_of_layers(tmp_path):
    rates = {'localizer.backbone.layer1': dict(lr_mult=0.5), 'segmentor': dict(lr_mult=0.1)}
    model = lsnet()
    runner, _ = run(tmp_path, model, wrapper=SGD | dict(paramwise_cfg=dict(custom_keys=rates)))
    names = {id(p): name for name, p in model.named_parameters()}
    for group in runner.optim_wrapper.optimizer.param_groups:
        for name in (names[id(p)] for p in group['params']):
            times = next((v['lr_mult'] for k, v in rates.items() if name.startswith(k)), 1)
            assert group['lr'] == pytest.approx(0.1 * times), name


def test_all_of_it_by_iterations(tmp_path):
    """The iteration-based twin shares the code; here with accumulation, clipping and validation."""
    wrapper = dict(accumulative_counts=2, clip_grad=dict(max_norm=1.0))
    loop = dict(type='AlternatingIterTrainLoop', max_iters=4, val_interval=2)
    runner, modes = run(tmp_path, lsnet(), wrapper=wrapper, runner=with_val(), **loop)
    assert modes == (['loss_localizer'] * 2 + ['loss_segmentor'] * 2 + ['predict']) * 2
    assert runner.iter == 4
