"""The gradients of each phase on four images, or on a rank's share of them."""

import copy

import torch
from helpers import GN, batch, localizer, lsnet, segmentor
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODELS, TASK_UTILS
from torch import distributed, nn
from torch.distributed.nn.functional import all_reduce

A, B, C, D = (8, 24, 50, 60), (12, 10, 70, 70), (40, 30, 90, 80), (44, 20, 76, 52)
TINY = (41, 41, 44, 44)  # with cells of 4 pixels, one of them has its centre inside
PHASES = ('loss_localizer', 'loss_segmentor', 'loss')


@MODELS.register_module()
class GlooSyncBN(nn.BatchNorm2d):
    """SyncBN as it waits for other ranks, forward and backward; torch's own is for GPUs."""

    def forward(self, x):
        parts = (x.new_ones(x.size(1)) * x[:, 0].numel(), x.sum((0, 2, 3)), (x * x).sum((0, 2, 3)))
        sums = torch.stack(parts).double()
        count, total, squares = all_reduce(sums) if distributed.is_initialized() else sums
        mean = total / count
        scale = self.weight / (squares / count - mean * mean + self.eps).sqrt()
        return (x - mean[:, None, None]).to(x) * scale.to(x)[:, None, None] + self.bias[
            :, None, None
        ]


@TASK_UTILS.register_module()
class MixByPlace:
    """RoIMixing without chance: objects on the left get their own box as their RoI."""

    def __call__(self, rois, gt_boxes):
        if not len(rois):
            return rois
        truth = torch.cat([gt_boxes[int(i)][:1] for i in rois[:, 0]])
        left = truth[:, :1] < 30
        rois = rois.detach() if left.all() else rois
        return torch.cat((rois[:, :1], torch.where(left, truth, rois[:, 1:])), dim=1)


def two_nets(norm_cfg=GN, **kwargs):
    nets = dict(
        localizer=localizer(norm_cfg, **kwargs.pop('head', {})), seg=segmentor(norm_cfg=norm_cfg)
    )
    nets['localizer']['head']['train_cfg'] = dict(topk=1) | kwargs.pop('train_cfg', {})
    return dict(nets) | kwargs


def coarse_to_fine(**kwargs):
    coarse = dict(type='CoarseLocalizer', segmentor=segmentor())
    return dict(localizer=coarse, roi_extractor=dict(type='HardCrop', size=(64, 64))) | kwargs


MIXING = dict(type='RoIMixing', ratio=1.0, shift=0, scale=0)
SYNC = dict(norm_cfg=dict(type='GlooSyncBN'))
# The first two images are rank 0's, the others rank 1's.
SCENARIOS = {
    'equal': ((A, B, C, D), two_nets()),
    'unequal': ((A, B, None, D), two_nets()),
    'one rank without object': ((A, B, None, None), two_nets()),
    'no object': ((None,) * 4, two_nets()),
    'one positive cell': ((None, TINY, None, None), two_nets(train_cfg=dict(inside_only=True))),
    'mixing': ((A, B, None, D), two_nets(roi_mixing=MIXING)),
    'mixing on one rank': ((A, B, C, D), two_nets(roi_mixing=dict(type='MixByPlace'))),
    'gamma 0': ((A, B, None, D), two_nets(gamma=0)),
    'smaller view': ((A, B, None, D), two_nets(localizer_size=(64, 64))),
    'coarse-to-fine': ((A, B, None, D), coarse_to_fine()),
    'RSTN': (
        (A, B, None, D),
        coarse_to_fine(type='RSTN', transform=dict(type='SaliencyTransform')),
    ),
    'SyncBN': ((A, B, C, D), two_nets(**SYNC)),
    'SyncBN, mixing on one rank': (
        (A, B, C, D),
        two_nets(roi_mixing=dict(type='MixByPlace'), **SYNC),
    ),
    'SyncBN, one rank without object': ((A, B, None, None), two_nets(**SYNC)),
}


def build(config):
    """The model, the same in every process, far enough from its start to have clear peaks."""
    torch.manual_seed(1)
    model = lsnet(**copy.deepcopy(config))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        if hasattr(model.localizer, 'head'):
            model.localizer.head.keypoints[-1].weight.normal_()
    return model


def gradients(name, share=slice(None), wrap=None):
    """What the backward pass of each phase leaves behind.

    Args:
        name: Of the scenario.
        share: Which of its four images.
        wrap: What wraps the model.

    Returns:
        dict: For each phase the gradients by parameter, None where there is none.
    """
    boxes, config = SCENARIOS[name]
    model = build(config)
    inputs, samples = batch(boxes)
    wrapped, found = wrap(model) if wrap else model, {}
    for phase in PHASES:
        model.zero_grad(set_to_none=True)
        losses = wrapped(inputs[share], copy.deepcopy(samples[share]), mode=phase)
        model.parse_losses(losses)[0].backward()
        found[phase] = {k: copy.deepcopy(p.grad) for k, p in model.named_parameters()}
    return found


def as_runner_wraps(model):
    return MMDistributedDataParallel(model, broadcast_buffers=False, find_unused_parameters=True)
