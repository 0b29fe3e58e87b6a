"""A small model in mmengine's runner, for tests of the loops."""

import copy

import torch
from helpers import batch, lsnet
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from torch.utils.data import Dataset

import lsnet_mm.engine  # noqa: F401  registers

BOX = (20, 24, 50, 60)
# Adam turns rounding noise in a gradient near zero into a whole step; sums compare under SGD.
SGD = dict(optimizer=dict(type='SGD', lr=0.1))
SILENT = dict(checkpoint=None, logger=None, runtime_info=None, timer=None)


class Slices(Dataset):
    """The images of ``batch``, one a record."""

    def __init__(self, boxes, size=(64, 64)):
        self.inputs, self.samples = batch(boxes, size=size)
        for sample in self.samples:
            sample.gt_instances.bboxes = sample.gt_instances.bboxes.clamp(max=size[0])

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, i):
        return dict(inputs=self.inputs[i].clone(), data_samples=copy.deepcopy(self.samples[i]))


class Constant(BaseMetric):
    """A score that never changes."""

    default_prefix = 'constant'

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(score=1.0)


def with_val(*hooks, boxes=(BOX,) * 2, size=(64, 64)):
    """Arguments of a runner that validates on images, with hooks."""
    sampler = dict(type='DefaultSampler', shuffle=False)
    data = dict(batch_size=2, num_workers=0, sampler=sampler, dataset=Slices(boxes, size))
    val = dict(val_dataloader=data, val_cfg=dict(), val_evaluator=[Constant()])
    return val | dict(custom_hooks=list(hooks))


def run(
    tmp_path,
    model,
    boxes=(BOX,) * 4,
    batch_size=2,
    wrapper=None,
    runner=None,
    size=(64, 64),
    **loop,
):
    """Trains a model in mmengine's runner; returns that and the modes that ran.

    ``runner`` holds more of its arguments, ``loop`` those of the loop.
    """
    modes, more = [], dict(runner or {})
    model.register_forward_pre_hook(
        lambda module, args, kwargs: modes.append(kwargs.get('mode')), with_kwargs=True
    )
    loop.setdefault('type', 'AlternatingTrainLoop')
    by_epoch = 'Iter' not in loop['type']
    if by_epoch:
        loop.setdefault('max_epochs', 1)
    hooks = [dict(type='SeedHook', by_epoch=by_epoch), *more.pop('custom_hooks', ())]
    wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3)) | (wrapper or {})
    arguments = dict(
        model=model,
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=batch_size,
            num_workers=0,
            sampler=dict(type='DefaultSampler' if by_epoch else 'InfiniteSampler', shuffle=False),
            dataset=Slices(boxes, size),
        ),
        train_cfg=loop,
        optim_wrapper=wrapper,
        custom_hooks=hooks,
        default_hooks=SILENT,
        default_scope='mmseg',
        experiment_name=f'loop_{tmp_path.name}_{id(model)}',
        randomness=dict(seed=0),
        log_processor=dict(by_epoch=by_epoch),
        log_level='ERROR',
    )
    runner = Runner(**arguments | more)
    runner.train()
    return runner, modes


def twins(**kwargs):
    """Two models with equal weights and no random pick."""
    head = dict(train_cfg=dict(topk=1))
    torch.manual_seed(0)
    one, other = lsnet(head=head, **kwargs), lsnet(head=head, **kwargs)
    one.init_weights()
    other._is_init = True
    for m in (one, other):
        m.init_weights = lambda: None
    other.load_state_dict(one.state_dict())
    return one, other


def difference(a, b):
    a, b = a.state_dict(), b.state_dict()
    return max(float((a[k].double() - b[k].double()).abs().max()) for k in a)


def tensors(value, path=''):
    """All tensors in a nested state, by path."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key in value:
            yield from tensors(value[key], f'{path}/{key}')


def assert_same_state(*files):
    """Bit for bit, of weights and optimiser of two checkpoints."""
    states = [torch.load(file, weights_only=False) for file in files]
    for part in ('state_dict', 'optimizer'):
        one, other = (dict(tensors(state[part])) for state in states)
        assert one.keys() == other.keys() and len(one) > 100
        assert all(torch.equal(one[key], other[key]) for key in one)
