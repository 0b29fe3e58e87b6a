"""Probabilities of one class by sigmoid, or of several by softmax, in a form that can be pasted.

Of several classes channel 0 holds the probability of *any* foreground in place of the background's,
so that the maximum over RoIs, and zero where there is none, leaves background outside them all.
"""

import torch
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
