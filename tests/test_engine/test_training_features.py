"""What people expect of a training, in the alternating loop; each test fails where it is ignored.

Accumulation, clipping and the iteration-based twin are in ``test_alternating_loop.py``.
"""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from alternation import BOX, SGD, Slices, difference, run, twins
from helpers import localizer, lsnet, segmentor
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS

from lsnet_mm.models.utils.compile_nets import compile_nets

ROOT = Path(__file__).parents[2]
BN = dict(type='BN')


class Weights(BaseMetric):
    """Remembers the weights that it evaluates; its score is always the same."""

    default_prefix = 'weights'

    def __init__(self):
        super().__init__()
        self.seen = []

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(score=1.0)


def with_val(**options):
    val = dict(
        val_dataloader=dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=Slices((BOX,) * 2),
        ),
        val_cfg=dict(),
        val_evaluator=[Weights()],
    )
    return val | options


def clones(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_ema_weights_are_those_evaluated(tmp_path):
    model, after_step, evaluated = lsnet(), [], []
    start = None

    def watch(module, args, kwargs):
        if kwargs['mode'] == 'predict':
            evaluated.append(clones(module))
        elif kwargs['mode'] == 'loss_localizer':
            after_step.append(clones(module))

    model.register_forward_pre_hook(watch, with_kwargs=True)
    ema = dict(type='EMAHook', momentum=0.5)
    runner, _ = run(tmp_path, model, runner=with_val(custom_hooks=[ema]))
    start, first = after_step
    last = clones(runner.model)
    for name in last:
        # The hook starts from the first update's weights, then mixes in half of each new one.
        expected = 0.5 * first[name] + 0.5 * last[name]
        torch.testing.assert_close(evaluated[0][name], expected, rtol=1e-5, atol=1e-7)
    assert any(not torch.equal(evaluated[0][name], last[name]) for name in last)
    assert any(not torch.equal(start[name], first[name]) for name in last)


def test_early_stopping(tmp_path):
    stop = dict(type='EarlyStoppingHook', monitor='weights/score', patience=2, rule='greater')
    runner, _ = run(tmp_path, lsnet(), max_epochs=9, runner=with_val(custom_hooks=[stop]))
    assert runner.epoch == 3


def test_warm_up_and_decay_act_on_both_phases(tmp_path):
    model, rates = lsnet(), []

    class Watch(Hook):
        def before_run(self, runner):
            model.register_forward_pre_hook(
                lambda module, args, kwargs: rates.append(
                    (kwargs['mode'], runner.optim_wrapper.get_lr()['lr'][0])
                ),
                with_kwargs=True,
            )

    schedule = [
        dict(type='LinearLR', start_factor=0.25, by_epoch=False, begin=0, end=3),
        dict(type='MultiStepLR', milestones=[2], gamma=0.1, by_epoch=True),
    ]
    run(
        tmp_path,
        model,
        max_epochs=3,
        wrapper=dict(optimizer=dict(type='SGD', lr=1.0)),
        runner=dict(param_scheduler=schedule, custom_hooks=[Watch()]),
    )
    per_step = [rate for _, rate in rates[::2]]
    assert [mode for mode, _ in rates] == ['loss_localizer', 'loss_segmentor'] * 6
    assert per_step == [rate for _, rate in rates[1::2]]
    assert per_step == pytest.approx([0.25, 0.625, 1, 1, 0.1, 0.1])


@pytest.fixture
def autocast_wrapper():
    """Mixed precision as ``AmpOptimWrapper`` does it, which asks for a GPU, on the CPU."""

    class CPUAutocast(OptimWrapper):
        def optim_context(self, model):
            outer = super().optim_context(model)

            class Both:
                def __enter__(both):
                    outer.__enter__()
                    both.cast = torch.autocast('cpu', torch.bfloat16)
                    both.cast.__enter__()

                def __exit__(both, *error):
                    both.cast.__exit__(*error)
                    outer.__exit__(*error)

            return Both()

    OPTIM_WRAPPERS.register_module(name='CPUAutocast', force=True, module=CPUAutocast)
    yield 'CPUAutocast'
    OPTIM_WRAPPERS.module_dict.pop('CPUAutocast')


def dtypes_seen(model):
    """Of what convolutions give, and of the losses, in each phase."""
    seen = {}

    def of_convolution(module, args, output):
        seen.setdefault('convolution', set()).add(output.dtype)

    def of_loss(module, args, kwargs, output):
        kinds = {v.dtype for v in output.values()}
        seen.setdefault(kwargs['mode'], set()).update(kinds)

    for net in (model.localizer, model.segmentor):
        net.backbone.conv1.register_forward_hook(of_convolution)
    model.register_forward_hook(of_loss, with_kwargs=True)
    return seen


def test_mixed_precision_reaches_both_phases(tmp_path, autocast_wrapper):
    """Convolutions in half precision, losses in single; and it trains."""
    model = lsnet()
    before, seen = clones(model), dtypes_seen(model)
    run(tmp_path, model, wrapper=dict(type=autocast_wrapper))
    assert seen == dict(
        convolution={torch.bfloat16}, loss_localizer={torch.float32}, loss_segmentor={torch.float32}
    )
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert any(not torch.equal(before[k], v) for k, v in model.named_parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='mmengine has AMP on a GPU only')
@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_amp(tmp_path, dtype):
    model = lsnet()
    seen = dtypes_seen(model)
    run(tmp_path, model, wrapper=dict(type='AmpOptimWrapper', dtype=dtype))
    assert seen['convolution'] == {getattr(torch, dtype)}
    assert seen['loss_segmentor'] == {torch.float32}
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_tensorboard(tmp_path):
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    run(
        tmp_path,
        lsnet(),
        runner=dict(
            visualizer=dict(
                type='Visualizer', vis_backends=[dict(type='TensorboardVisBackend')], name='board'
            ),
            default_hooks=dict(checkpoint=None, logger=dict(type='LoggerHook', interval=1)),
        ),
    )
    files = list(tmp_path.rglob('events.out.tfevents*'))
    assert len(files) == 1
    board = events.EventAccumulator(str(files[0]))
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
    other.register_forward_pre_hook(
        lambda module, args, kwargs: phase.append(kwargs['mode']), with_kwargs=True
    )
    names = {id(p): name for name, p in other.named_parameters()}

    def recorder(graph, inputs):
        def run_graph(*args):
            for name in (names[id(a)] for a in args if id(a) in names):
                compiled.add((phase[-1], '.'.join(name.split('.')[:3])))
            return graph(*args)

        return run_graph

    torch._dynamo.register_backend(recorder, name='recorder')
    run(tmp_path / 'b', other, wrapper=SGD, runner=dict(cfg=dict(compile=dict(backend='recorder'))))
    first = {part for mode, part in compiled if mode == 'loss_localizer'}
    second = {part for mode, part in compiled if mode == 'loss_segmentor'}
    for part in ('backbone.layer4', 'head.distances', 'head.keypoints'):
        assert f'localizer.{part}' in first & second
    assert {'segmentor.backbone.layer4', 'segmentor.decode_head.conv_seg'} <= second
    assert difference(model, other) < 1e-6
    torch._dynamo.reset()


def test_compiling_what_has_no_nets_is_refused():
    with pytest.raises(ValueError, match="Linear has none of backbone, .*Leave out 'compile'"):
        compile_nets(torch.nn.Linear(1, 1))


def test_channels_last(tmp_path):
    model, other = twins()
    seen = []
    other.segmentor.backbone.layer1.register_forward_hook(
        lambda module, args, output: seen.append(
            output.is_contiguous(memory_format=torch.channels_last)
        )
    )
    run(tmp_path / 'a', model, wrapper=SGD)
    hooks = [dict(type='ChannelsLastHook')]
    run(tmp_path / 'b', other, wrapper=SGD, runner=dict(custom_hooks=hooks))
    assert seen and all(seen)
    assert difference(model, other) < 1e-3  # rounding, no more


@pytest.mark.parametrize('devices, applies', [(None, True), (('cpu',), True), (('cuda',), False)])
def test_channels_last_on_named_devices(devices, applies):
    model = torch.nn.Conv2d(3, 4, 3)
    hook = HOOKS.build(dict(type='ChannelsLastHook', devices=devices))
    runner = SimpleNamespace(model=model, optim_wrapper=Config(dict(optimizer=dict(fused=True))))
    hook.before_run(runner)  # that of a test, which leaves the optimizer's config alone
    assert model.weight.is_contiguous(memory_format=torch.channels_last) == applies


def test_maps_alone_in_channels_last_order(tmp_path):
    model, other = twins()
    seen = []
    for net in (other.segmentor, other.localizer):
        net.backbone.layer1.register_forward_hook(
            lambda module, args, output: seen.append(
                output.is_contiguous(memory_format=torch.channels_last)
            )
        )
    run(tmp_path / 'a', model, wrapper=SGD)
    hooks = [dict(type='ChannelsLastHook', weights=False)]
    run(tmp_path / 'b', other, wrapper=SGD, runner=dict(custom_hooks=hooks))
    assert seen and all(seen)
    assert all(p.is_contiguous() for p in other.parameters())
    assert difference(model, other) < 1e-3


def test_fused_adam_beside_channels_last_weights_is_refused(tmp_path):
    adam = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, fused=True))
    hooks = [dict(type='ChannelsLastHook')]
    with pytest.raises(ValueError, match='fused=True on a CPU wants weights=False'):
        run(tmp_path, lsnet(), wrapper=adam, runner=dict(custom_hooks=hooks))


def test_the_paper_schedule_steps_adam_in_one_pass():
    """And to the same weights as the plain one, up to rounding."""
    wrapper = Config.fromfile(ROOT / 'configs/_base_/schedules/paper_60e.py').optim_wrapper
    assert wrapper.optimizer.fused is True
    nets = []
    for fused in (True, False):
        torch.manual_seed(0)
        nets.append(torch.nn.Conv2d(8, 20, 3))
        own = copy.deepcopy(wrapper)
        own.optimizer.fused = fused
        optim_wrapper = build_optim_wrapper(nets[-1], own)
        for _ in range(5):
            maps = torch.randn(2, 8, 9, 9).contiguous(memory_format=torch.channels_last)
            optim_wrapper.update_params(nets[-1](maps).square().mean())
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    'net, phase',
    [
        ('localizer', 'loss_segmentor'),
        ('segmentor', 'loss_localizer'),
        ('segmentor', 'loss_segmentor'),  # trains L-Net through its boxes
    ],
)
def test_a_frozen_net_stays(tmp_path, net, phase):
    """Its running statistics, too."""
    model = lsnet(head=dict(norm_cfg=BN), seg=segmentor(norm_cfg=BN))
    model.init_weights = lambda: None
    before = {k: v.clone() for k, v in model.state_dict().items()}
    hooks = [dict(type='FreezeHook', modules=(net,))]
    run(tmp_path, model, phases=(phase,), runner=dict(custom_hooks=hooks))
    moved = {k for k, v in model.state_dict().items() if not torch.equal(before[k], v)}
    assert moved and not any(k.startswith(net) for k in moved)
    # L-Net's statistics are those of phase 1: in phase 2 it proposes as in inference.
    kept = (net, phase) == ('segmentor', 'loss_segmentor')
    assert any('running_mean' in k for k in moved) != kept


def test_a_frozen_part_stays_and_the_rest_of_its_net_moves(tmp_path):
    model = lsnet(head=dict(norm_cfg=BN))
    model.init_weights = lambda: None
    before = {k: v.clone() for k, v in model.state_dict().items()}
    hooks = [dict(type='FreezeHook', modules=('localizer.backbone',))]
    run(tmp_path, model, runner=dict(custom_hooks=hooks))
    moved = {k for k, v in model.state_dict().items() if not torch.equal(before[k], v)}
    assert not any(k.startswith('localizer.backbone') for k in moved)
    assert any(k.startswith('localizer.neck') for k in moved)


def test_a_phase_without_anything_to_train_is_refused(tmp_path):
    hooks = [dict(type='FreezeHook', modules=('localizer',))]
    with pytest.raises(ValueError, match="'loss_localizer' reaches no trainable parameter.*phases"):
        run(tmp_path, lsnet(), runner=dict(custom_hooks=hooks))


@pytest.mark.parametrize('count', [1, 2])
def test_batches_that_reach_nothing_are_counted_and_passed_over(tmp_path, count):
    """The segmentor is frozen, and a batch without an object has no box to go through."""
    model, boxes = lsnet(), (BOX, BOX, None, None)
    model.init_weights = lambda: None
    before = clones(model)
    runner, modes = run(
        tmp_path,
        model,
        boxes,
        wrapper=dict(accumulative_counts=count),
        phases=('loss_segmentor',),
        runner=dict(custom_hooks=[dict(type='FreezeHook', modules=('segmentor',))]),
    )
    assert modes == ['loss_segmentor'] * 2
    moved = {k for k, p in model.named_parameters() if not torch.equal(before[k], p)}
    assert 'localizer.head.distances.2.weight' in moved
    assert all(p.grad is None for p in model.parameters())


def test_freezing_what_is_not_there_is_refused(tmp_path):
    hooks = [dict(type='FreezeHook', modules=('localiser',))]
    with pytest.raises(ValueError, match='localiser.*The model has: .*localizer'):
        run(tmp_path, lsnet(), runner=dict(custom_hooks=hooks))


def test_weights_of_one_net(tmp_path):
    """From a whole checkpoint by prefix, and from a one-stage model as it is."""
    source = lsnet()
    torch.save(dict(state_dict=source.state_dict()), tmp_path / 'two.pth')
    torch.save(dict(state_dict=source.segmentor.state_dict()), tmp_path / 'one.pth')
    first = dict(type='Pretrained', checkpoint=str(tmp_path / 'two.pth'), prefix='localizer.')
    second = dict(type='Pretrained', checkpoint=str(tmp_path / 'one.pth'))
    for net, build, init in (
        ('localizer', dict(localizer=localizer() | dict(init_cfg=first)), first),
        ('segmentor', dict(seg=segmentor() | dict(init_cfg=second)), second),
    ):
        torch.manual_seed(1)
        model = lsnet(**build)
        model.init_weights()
        for name, weight in model.state_dict().items():
            if weight.is_floating_point() and weight.ndim == 4:
                same = torch.equal(weight, source.state_dict()[name])
                assert same == name.startswith(net), (name, init)


def test_learning_rates_of_layers(tmp_path):
    rates = {'localizer.backbone.layer1': dict(lr_mult=0.5), 'segmentor': dict(lr_mult=0.1)}
    model = lsnet()
    wrapper = SGD | dict(paramwise_cfg=dict(custom_keys=rates))
    runner, _ = run(tmp_path, model, wrapper=wrapper)
    names = {id(p): name for name, p in model.named_parameters()}
    for group in runner.optim_wrapper.optimizer.param_groups:
        for p in group['params']:
            name = names[id(p)]
            times = next((v['lr_mult'] for k, v in rates.items() if name.startswith(k)), 1)
            assert group['lr'] == pytest.approx(0.1 * times), name


def test_all_of_it_by_iterations(tmp_path):
    """The iteration-based twin shares the code; here with accumulation, clipping and validation."""
    model = lsnet()
    runner, modes = run(
        tmp_path,
        model,
        wrapper=dict(accumulative_counts=2, clip_grad=dict(max_norm=1.0)),
        type='AlternatingIterTrainLoop',
        max_iters=4,
        val_interval=2,
        runner=with_val(),
    )
    group = ['loss_localizer'] * 2 + ['loss_segmentor'] * 2
    assert modes == group + ['predict'] + group + ['predict']
    assert runner.iter == 4
