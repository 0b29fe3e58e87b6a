"""Which series of a patient's visit is segmented: rules that can be read, each with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import count

from .series import Series, only_slices
from .traits import Traits, read_traits
from .volume import VolumeError

#: Part of the longest series that another must cover to be more than a test or a detail.
DETAIL = 1 / 3
#: Distances of slices in mm that show an organ and not mostly noise, and beyond which it is missed.
FINE, THICK = (0.4, 3.5), 7.5
_PHASES = ('portal venous', 'with contrast', '', 'arterial', 'delayed', 'native')


@dataclass(frozen=True)
class Candidate:
    """A series of a visit.

    Attributes:
        series: Its slices; all its files if none is one.
        number: From 1, by SeriesNumber and UID.
        of: How many the visit has.
        chosen: Whether it is segmented.
        reason: Why, or why not.
        traits: What its headers say, where that was asked.
    """

    series: Series
    number: int
    of: int
    chosen: bool
    reason: str
    traits: Traits | None = None


# A rule gives a rank, of which the lowest stays, and what is said of those that rank higher.
# What a header does not say is not held against a series.


def _whole(one: Traits, longest: float) -> tuple[int, str]:
    return not one.whole, one.problem.reason if one.problem else 'a single slice'


def _plane(one: Traits, longest: float) -> tuple[int, str]:
    return one.plane not in ('axial', ''), f'its slices are {one.plane}'


def _made(one: Traits, longest: float) -> tuple[int, str]:
    rank = {'original': 0, '': 0, 'derived': 1}.get(one.made, 2)
    return rank, 'derived from others' if rank == 1 else f'a {one.made} made of others'


def _coverage(one: Traits, longest: float) -> tuple[int, str]:
    return one.length < DETAIL * longest, f'covers {one.length:.0f} of {longest:.0f} mm'


def _region(one: Traits, longest: float) -> tuple[int, str]:
    return ('abdomen', '', 'other').index(one.region), 'not said to be of the abdomen'


def _kernel(one: Traits, longest: float) -> tuple[int, str]:
    return one.sharp, f'a sharp kernel{one.kernel and f" ({one.kernel})"}, as for bone or lung'


def _phase(one: Traits, longest: float) -> tuple[int, str]:
    unsaid = {True: 'with contrast', False: 'native', None: ''}[one.contrast]
    phase = one.phase or unsaid
    return _PHASES.index(phase), f'its phase is {phase or "not said"}'


def _distance(one: Traits, longest: float) -> tuple[int, str]:
    apart = FINE[0] if one.apart is None else one.apart
    rank = 2 if apart > THICK else not FINE[0] <= apart <= FINE[1]
    return rank, f'its slices are {apart:.3g} mm apart'


def _length(one: Traits, longest: float) -> tuple[int, str]:
    return one.length < 0.9 * longest, f'covers {one.length:.0f} of {longest:.0f} mm'


def _slices(one: Traits, longest: float) -> tuple[int, str]:
    return -one.slices, f'only {one.slices} slices'


#: By what they look at, in this order.
RULES = {
    'being a volume': _whole,
    'plane': _plane,
    'image type': _made,
    'coverage': _coverage,
    'body part': _region,
    'kernel': _kernel,
    'phase': _phase,
    'distance of slices': _distance,
    'length': _length,
    'number of slices': _slices,
}


def choose_series(
    everything: Iterable[Series], scans: Collection[Series], wanted: Collection[int] | None = None
) -> list[list[Candidate]]:
    """Choose in each visit of a patient, which a StudyInstanceUID is.

    Series without that UID cannot be said to be of one visit, and are one each.

    Args:
        everything: From :func:`find_series`.
        scans: Those of CT, from :func:`ct_series`. Visits without one are passed over.
        wanted: Numbers to take in place of what the rules say, those of other visits too; if it
            is empty, all scans.

    Returns:
        list[list[Candidate]]: Of each visit all its series, in the order of their numbers.
    """
    visits: dict[tuple, list[Series]] = defaultdict(list)
    for place, one in enumerate(map(only_slices, everything)):
        header = min(one.headers, key=lambda header: (header.study, header.path))
        visits[header.patient, header.study, -1 if header.study else place].append(one)
    return [
        _choose(visit, scans, wanted)
        for visit in visits.values()
        if any(one in scans for one in visit)
    ]


def _choose(
    visit: list[Series], scans: Collection[Series], wanted: Collection[int] | None
) -> list[Candidate]:
    if len(visit) == 1:
        return [Candidate(visit[0], 1, 1, True, 'the only series')]
    # What is equal keeps its order, which is that of the UIDs.
    pairs = sorted(((read_traits(one), one) for one in visit), key=lambda pair: pair[0].order)
    traits = {number: one for number, (one, _) in zip(count(1), pairs)}
    series = {number: one for number, (_, one) in zip(count(1), pairs)}
    if wanted is None and not any(one.whole for one in traits.values()):
        # There is nothing to choose from: each is taken, or refused, for what it is.
        chosen = {number for number, one in series.items() if one in scans}
        reasons = dict.fromkeys(series, 'no series of the visit is a volume')
    elif wanted is None:
        chosen, reasons = _apply_rules(traits)
    else:
        chosen = set(wanted) or {number for number, one in series.items() if one in scans}
        reasons = {n: 'asked for' if n in chosen else 'not asked for' for n in series}
    return [Candidate(series[n], n, len(visit), n in chosen, reasons[n], traits[n]) for n in series]


def _apply_rules(traits: dict[int, Traits]) -> tuple[set[int], dict[int, str]]:
    """The number of the first one by the rules, and the reasons of all."""
    left, reasons, decided = list(traits), {}, []
    for name, rule in RULES.items():
        longest = max(traits[number].length for number in left)
        ranks = {number: rule(traits[number], longest) for number in left}
        best = min(rank for rank, _ in ranks.values())
        behind = {number: fault for number, (rank, fault) in ranks.items() if rank > best}
        reasons |= behind
        decided += [name] if behind else []
        left = [number for number in left if number not in behind]
    first, *alike = left
    same = f'nothing in the headers tells it from series {first}, which comes first'
    reasons |= dict.fromkeys(alike, same)
    reasons[first] = f'chosen by {", ".join(decided)}' if decided else 'the first'
    if alike:
        others = ' and '.join(map(str, alike))
        reasons[first] += f'; nothing in the headers tells it from series {others}'
    return {first}, reasons


def check_numbers(visit: list[Candidate], wanted: Collection[int] | None, where: str) -> None:
    """Refuse a number that no series of a visit has.

    Raises:
        VolumeError: It says how many there are.
    """
    for number in sorted(wanted or ()):
        if not 1 <= number <= len(visit):
            reason = f'there is no series {number}, it holds {len(visit)}'
            raise VolumeError(where, reason, 'See their numbers with lsnet-segment --list')
