"""How far a mask is to be trusted: what it says of itself, judged by what others showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from mmengine.structures import BaseDataElement

from ..evaluation.calibration import is_flagged, low_values
from ..models.utils.probabilities import predicted_probability
from ..volumes import ORIENTATION

if TYPE_CHECKING:
    from .volume_predictor import VolumePrediction

__all__ = ['EVIDENCE', 'judge', 'slice_evidence', 'study_features']

#: What a mask says of itself, from 0 to 1, in words.
EVIDENCE = {
    'box_score': 'the score of its boxes',
    'agreement': 'the agreement of its mask with one round more',
    'probability': 'the probability of its pixels',
}
#: Of a class's voxels; with less in its largest part it is scattered.
LARGEST_PART = 0.5


def slice_evidence(sample: BaseDataElement) -> dict[str, float]:
    """What a predicted slice says of its mask; what the model does not give is left out.

    Args:
        sample: With ``pred_sem_seg``.

    Returns:
        dict: ``box_score``, the highest; ``agreement``, see
        :meth:`~lsnet_mm.models.TwoStageSegmentor.judge`; ``probability``, the mean in the mask.
        Empty without a mask.
    """
    mask = sample.pred_sem_seg.data[0] > 0
    if not mask.any():
        return {}
    found = {}
    if 'pred_instances' in sample and len(sample.pred_instances):
        found['box_score'] = float(sample.pred_instances.scores.max())
    if sample.get('agreement') is not None:
        found['agreement'] = float(sample.agreement)
    if (probability := predicted_probability(sample)) is not None:
        found['probability'] = float(probability.float()[mask].mean())
    return found


def study_features(slices: Sequence[Mapping[str, float]], pixels: Sequence[int]) -> dict:
    """Means over the pixels of a study's mask of what its slices say.

    Args:
        slices: :func:`slice_evidence` of each.
        pixels: Of each slice's mask, which may have been tidied since; slices without any are
            left out.

    Returns:
        dict: By name, rounded; empty if the mask is.
    """
    found = {}
    for name in EVIDENCE:
        pairs = [(s[name], n) for s, n in zip(slices, pixels, strict=True) if n and name in s]
        if pairs:
            values, weights = zip(*pairs, strict=True)
            found[name] = round(float(np.average(values, weights=weights)), 4)
    return found


def judge(
    found: VolumePrediction,
    parts: Mapping[int, np.ndarray] | None,
    classes: Sequence[str],
    calibration: Mapping,
    trained_on: Mapping | None = None,
) -> dict:
    """Whether a study's mask should be looked at again, and why.

    What was measured on held-out patients are the thresholds. That a class is missing, scattered,
    or of a size that training never saw, are rules, and say so.

    Args:
        found: With ``evidence``.
        parts: Volumes of the parts of each class by its label, before the mask was tidied; None
            where slices do not follow each other.
        classes: Names, background first.
        calibration: Of ``lsnet_mm.evaluation.calibration.calibrate``.
        trained_on: Of the checkpoint; its ``classes`` have ranges of volumes.

    Returns:
        dict: ``flagged``; ``reasons``, sentences; ``calibration``, a sentence, None where the mask
        is empty or rules alone flag it; ``features``: those of :func:`study_features`, ``holes``,
        the share of slices without a mask between the first and the last that have one, and by
        class ``parts``, their number, and ``largest_part``, its share of the volume.
    """
    slices = found.mask.oriented(ORIENTATION).voxels.T
    pixels = np.array([np.count_nonzero(one) for one in slices])
    described = found.describe(classes)
    sizes = {name: (parts or {}).get(one['label'], np.zeros(0)) for name, one in described.items()}
    features = study_features(found.evidence, pixels)
    thresholds = calibration['thresholds']
    low = low_values(features, thresholds) if is_flagged(features, thresholds) else []
    reasons = [
        f'{EVIDENCE[name]} is {features[name]:.2f}, below {thresholds[name]:.2f}.' for name in low
    ]
    ranges = (trained_on or {}).get('classes') or {}
    for name, one in described.items():
        inside = sum(np.count_nonzero(mask == one['label']) for mask in slices)
        share = inside / (max(one['slices'], 1) * slices[0].size)
        reasons += _rules(name, {**one, 'share': share}, sizes[name], ranges.get(name) or {})
    masked = np.flatnonzero(pixels)
    if len(masked) and parts is not None:
        features['holes'] = round(1 - len(masked) / float(np.ptp(masked) + 1), 4)
        features['parts'] = {name: len(ml) for name, ml in sizes.items()}
        largest = {name: ml.max() / ml.sum() for name, ml in sizes.items() if len(ml)}
        features['largest_part'] = {name: round(float(one), 4) for name, one in largest.items()}
    # Where a rule alone flags, nothing that was measured is about it.
    said = measured(calibration) if len(masked) and (low or not reasons) else None
    reasons = [reason[0].upper() + reason[1:] for reason in reasons]
    return dict(flagged=bool(reasons), reasons=reasons, calibration=said, features=features)


def measured(calibration: Mapping) -> str:
    """How often held-out patients with low values were bad, and others."""
    low, others = calibration['flagged'], calibration['unflagged']
    each = calibration.get('slices')
    scope = f' (on {each[0]} to {each[1]} slices of each)' if each else ''
    return (
        f'Of {low["patients"]} held-out patients{scope} flagged for low values {low["bad"]} had a '
        f'DSC below {calibration["bad_dsc"]:g}, of the {others["patients"]} others {others["bad"]}.'
    )


def _rules(
    name: str,
    size: Mapping[str, float | None],
    parts: np.ndarray,
    ranges: Mapping[str, list | None],
) -> list[str]:
    """What is odd about one class."""
    if not size['slices']:
        return [f'no {name} was found.']
    said = []
    if len(parts) and parts.max() < LARGEST_PART * parts.sum():
        largest = parts.max() / parts.sum()
        said.append(
            f'{name} was found in {len(parts)} parts, the largest of {largest:.0%} of the volume'
        )
    if (known := ranges.get('volume_ml')) and size[
        'volume_ml'
    ] is not None:  # of cases, lowest to highest
        low, high, value, form = known[0], known[-1], size['volume_ml'], '{:.4g} ml'
    elif known := ranges.get('share'):  # of slices with it, without the rarest at both ends
        low, high, value, form = known[1], known[-2], size['share'], '{:.2%}'
    if known and not low <= value <= high:
        value, low, high = map(form.format, (value, low, high))
        of = '' if 'ml' in form else ' of the pixels of its slices'
        said.append(f'{name} has {value}{of}, in training {low} to {high}')
    return [f'{one} (a rule, not measured).' for one in said]
