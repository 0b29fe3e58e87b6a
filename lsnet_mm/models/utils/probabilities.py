"""Probabilities of one class by sigmoid, or of several by softmax, in a form that can be pasted.

Of several classes channel 0 holds the probability of *any* foreground in place of the background's,
so that the maximum over RoIs, and zero where there is none, leaves background outside them all.
"""

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn


def mask_head(segmentor: nn.Module) -> nn.Module:
    """The decode head that gives a segmentor's masks: the last one of a cascade."""
    head = segmentor.decode_head
    return head[-1] if isinstance(head, nn.ModuleList) else head


def foreground_probabilities(logits: Tensor) -> Tensor:
    """Logits (N, C, H, W) to probabilities of the same shape; the only channel of one class."""
    if logits.size(1) == 1:
        return logits.sigmoid()
    return flip_background(logits.softmax(dim=1))


def discretize(probs: Tensor, threshold: float | None) -> Tensor:
    """Labels (N, 1, H, W) from such probabilities; only one class has a threshold."""
    if probs.size(1) == 1:
        return (probs > threshold).long()
    return flip_background(probs).argmax(dim=1, keepdim=True)


def flip_background(probs: Tensor) -> Tensor:
    """Background to any-foreground in channel 0 of (N, C, H, W), and back."""
    return torch.cat((1 - probs[:, :1], probs[:, 1:]), dim=1)


def predicted_probability(sample: BaseDataElement) -> Tensor | None:
    """The probability (H, W) of any foreground in a predicted sample; None if it has none."""
    if 'pred_probability' in sample:
        return sample.pred_probability.data[0]
    if 'seg_logits' not in sample:
        return None
    logits = sample.seg_logits.data
    # With one channel mmseg has taken the sigmoid already, in spite of the name.
    return logits[0] if len(logits) == 1 else 1 - logits.softmax(dim=0)[0]
