"""A training of a second or less in mmengine's runner, with random numbers and a score."""

import itertools

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

import lsnet_mm.engine  # noqa: F401  registers

NUMBER = itertools.count()


class Tiny(BaseModel):
    """A layer with noise, which counts its steps, and a ballast that makes its files large."""

    def __init__(self, ballast=0):
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.register_buffer('steps', torch.zeros(()))
        self.register_buffer('ballast', torch.zeros(ballast, 1 << 18))  # each a MiB

    def forward(self, inputs, mode):
        if mode != 'loss':
            return [self.steps.clone()]
        self.steps += 1
        x = torch.stack(inputs)
        return dict(loss=self.layer(x + torch.randn_like(x)).square().mean())


class Steps(BaseMetric):
    """A score that grows."""

    default_prefix = 'val'

    def process(self, data_batch, data_samples):
        self.results.extend(float(steps) for steps in data_samples)

    def compute_metrics(self, results):
        return dict(score=max(results))


def train(work_dir, *hooks, epochs=3, ballast=0, resume=True, log_level='ERROR', **checkpoint):
    """Trains, from the newest checkpoint in a folder or from the beginning.

    ``checkpoint`` are settings of the hook.
    """
    torch.manual_seed(0)
    data = [torch.ones(4) * k for k in range(4)]
    sampler = dict(type='DefaultSampler', shuffle=True)
    loader = dict(batch_size=2, num_workers=0, dataset=[dict(inputs=x) for x in data])
    loader |= dict(sampler=sampler, collate_fn=dict(type='pseudo_collate'))
    checkpoint = dict(type='DurableCheckpointHook') | checkpoint
    checkpoint.setdefault('rule', 'greater')
    checkpoint.setdefault('interval', 1)
    checkpoint.setdefault('max_keep_ckpts', 1)
    runner = Runner(
        model=Tiny(ballast),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=[Steps()],
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        default_hooks=dict(checkpoint=checkpoint, logger=None),
        custom_hooks=[dict(type='SeedHook'), *hooks],
        randomness=dict(seed=1),
        resume=resume,
        log_level=log_level,
        experiment_name=f'tiny_{next(NUMBER)}',
    )
    runner.train()


def assert_same_weights(*files):
    """Bit for bit, with the moments of Adam."""
    one, other = (torch.load(file, weights_only=False) for file in files)
    assert one['state_dict'].keys() == other['state_dict'].keys()
    for key, value in one['state_dict'].items():
        assert torch.equal(value, other['state_dict'][key]), key
    one, other = (state['optimizer']['state'] for state in (one, other))
    for key in one:
        assert torch.equal(one[key]['exp_avg'], other[key]['exp_avg'])
