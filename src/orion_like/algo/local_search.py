"""Local searches from several starts, derived from the trials by replaying them in order.

A trial does not say which search it belongs to. But a start is recognized, since it is a
function of its number, and a step lies within the trust region of its search, whose size follows
from the trials before. So the searches are a function of the set of trials, and so is what
their gradients are worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.outcome import Kind, Outcome

Floats = NDArray[np.float64]

FIRST_RADIUS = 0.2
LARGEST_RADIUS = 0.5
"""Reach of a step in each column of the unit cube."""

ROUNDING = 1e-3
"""How far the rounding of values may carry a trial out of a trust region."""

NEAR = 2.0
"""Distance, in radii, up to which trials tell of the slopes at a centre."""

MAX_SEARCHES = 16
"""Searches that are remembered; of more, the worst ones are dropped."""

MAX_STEPS = 150
"""Steps of a search that are remembered, the latest ones."""

MAX_RATIOS = 10
"""Comparisons of gradients with values that count, the latest ones."""

MIN_RATIOS = 3
"""Comparisons from which on gradients can be found to be wrong."""

LONGEST_COMPARED = 0.11
"""Length of steps along which the slopes at both ends tell of the change."""

INFORMATIVE = 0.01
"""Change of the loss worth comparing with gradients, as a share of its spread over trials."""

TOLERANCE = 3.0
"""Factor by which a gradient may miss the change of the loss along a step."""


@dataclass(frozen=True, eq=False)
class Point:
    """A finished trial.

    Parameters
    ----------
    number, id
        Of the trial; -1 if it has no number.
    vector
        Its encoded params.
    outcome
        What came of it.
    slopes
        Gradients of the loss and of the violation, NaN where not reported.
    """

    number: int
    id: str
    vector: Floats
    outcome: Outcome
    slopes: tuple[Floats, Floats]

    @property
    def has_failed(self) -> bool:
        """Whether it is broken, or its objective is not finite."""
        return self.outcome.kind is Kind.FAILED

    def value(self, kind: Kind) -> float:
        """Return the loss, or the violation as long as nothing is feasible."""
        return self.outcome.losses[0] if kind is Kind.FEASIBLE else self.outcome.violation

    def slope(self, kind: Kind) -> Floats:
        """Return the gradient of `value`."""
        return self.slopes[0] if kind is Kind.FEASIBLE else self.slopes[1]

    @property
    def rank(self) -> tuple[int, float]:
        """What is least for the best trial."""
        kind = self.outcome.kind
        return (int(kind), 0.0 if self.has_failed else self.value(kind))


class Step(NamedTuple):
    """A trial, and the centre of its search when it came."""

    point: Point
    origin: Point


@dataclass(frozen=True, eq=False)
class Search:
    """A local search.

    Parameters
    ----------
    center, previous
        Its best trial, and the one before.
    radius
        Size of its trust region.
    steps
        Its latest trials, oldest first.
    """

    center: Point
    previous: Point
    radius: float
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, eq=False)
class Searches:
    """All local searches, and what the gradients are worth.

    Parameters
    ----------
    active
        The searches, oldest first.
    n_started
        How many there have been.
    ratios
        Change of the loss along the latest steps, each divided by that which gradients say.
    lowest, highest
        Losses of the best and the worst trial.
    """

    active: tuple[Search, ...] = ()
    n_started: int = 0
    ratios: tuple[float, ...] = ()
    lowest: float = np.inf
    highest: float = -np.inf

    @property
    def factor(self) -> float:
        """How many times as much as the gradients say the loss changes."""
        return median(self.ratios) if self.ratios else 1.0

    @property
    def trust(self) -> bool:
        """Whether the reported gradients agree with the losses, up to a factor."""
        return are_consistent(self.ratios)


def are_consistent(ratios: tuple[float, ...]) -> bool:
    """Tell whether most ratios are about the same positive number.

    Examples
    --------
    >>> are_consistent((1.1, 0.9, 1.0, -3.0))
    True
    >>> are_consistent((1.1, -0.1, -4.0, 0.2))
    False
    """
    if len(ratios) < MIN_RATIOS:
        return True
    factor = median(ratios)
    if not factor > 0:
        return False
    agreeing = sum(factor / TOLERANCE <= ratio <= factor * TOLERANCE for ratio in ratios)
    return agreeing >= 0.6 * len(ratios)


class Geometry:
    """Which columns of the encoding local searches move in, and how far apart points are.

    Parameters
    ----------
    smooth
        The columns that steps move in.
    cells
        Distance of neighbouring values in each of these, 0 where there is no grid.
    """

    def __init__(self, smooth: NDArray[np.bool_], cells: Floats) -> None:
        self.smooth = smooth
        self._cells = cells

    def distance(self, a: Floats, b: Floats) -> float:
        """Return how far two points are apart, in the column where they are so most."""
        # Rounding to the grid may carry a point out of a trust region.
        apart = np.abs(a[self.smooth] - b[self.smooth]) - self._cells
        return float(np.nanmax(np.append(apart, 0.0)))

    def n_differences(self, a: Floats, b: Floats) -> int:
        """Return in how many of the other columns they differ, or in what is active."""
        others = np.count_nonzero(~same(a[~self.smooth], b[~self.smooth]))
        activity = np.isnan(a[self.smooth]) != np.isnan(b[self.smooth])
        return int(others + np.count_nonzero(activity))


def same(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Tell which elements are equal, or both inactive."""
    equal: NDArray[np.bool_] = (a == b) | (np.isnan(a) & np.isnan(b))
    return equal


def by_promise(searches: tuple[Search, ...]) -> list[int]:
    """Return the places of searches, that with the best trial first."""
    return sorted(range(len(searches)), key=lambda index: (searches[index].center.rank, index))


def owner(searches: tuple[Search, ...], vector: Floats, geometry: Geometry) -> int | None:
    """Return which search a trial belongs to, or None if it lies outside of all.

    Of several, it is the most promising one, whose turn it was unless others were busy.
    """
    second = None
    for index in by_promise(searches):
        search = searches[index]
        reach = 1.01 * search.radius + ROUNDING
        if geometry.distance(vector, search.center.vector) <= reach:
            if geometry.n_differences(vector, search.center.vector) <= 1:
                return index
            second = index if second is None else second
    return second


def advance(searches: Searches, point: Point, is_start: bool, geometry: Geometry) -> Searches:
    """Return the searches after one more trial."""
    index = None if is_start else owner(searches.active, point.vector, geometry)
    active = searches.active
    if index is None:
        active = (*_without_worst(active), Search(point, point, FIRST_RADIUS))
        searches = replace(searches, n_started=searches.n_started + 1)
    else:
        search = active[index]
        ratio = _ratio(search.center, point, searches.highest - searches.lowest, geometry)
        if ratio is not None:
            ratios = (*searches.ratios, ratio)[-MAX_RATIOS:]
            searches = replace(searches, ratios=ratios)
        moved = _moved(search, point, geometry, searches.trust)
        active = (*active[:index], moved, *active[index + 1 :])
    if not point.has_failed:
        loss = point.outcome.losses[0]
        searches = replace(
            searches, lowest=min(loss, searches.lowest), highest=max(loss, searches.highest)
        )
    return replace(searches, active=active)


def _without_worst(active: tuple[Search, ...]) -> tuple[Search, ...]:
    if len(active) < MAX_SEARCHES:
        return active
    worst = max(range(len(active)), key=lambda index: (active[index].center.rank, -index))
    return (*active[:worst], *active[worst + 1 :])


def _moved(search: Search, point: Point, geometry: Geometry, trust: bool) -> Search:
    """Return the search after a step: its trust region grows with success and else shrinks."""
    center, radius = search.center, search.radius
    steps = (*search.steps, Step(point, center))[-MAX_STEPS:]
    if point.rank < center.rank:
        length = geometry.distance(point.vector, center.vector)
        radius = min(max(radius, 2 * length), LARGEST_RADIUS)
        return Search(point, center, radius, steps)
    search = replace(search, steps=steps)
    if geometry.n_differences(point.vector, center.vector) or is_learning(search, geometry, trust):
        return search
    return replace(search, radius=_shrunk(search, point, geometry, trust))


def is_learning(search: Search, geometry: Geometry, trust: bool) -> bool:
    """Whether there are too few trials around the centre to know all slopes."""
    center = search.center
    n_unknown = int(np.count_nonzero(unknown(center, geometry, trust)))
    near = (
        geometry.distance(step.point.vector, center.vector) <= NEAR * search.radius
        for step in search.steps
        if step.point is not center
    )
    return n_unknown > 0 and sum(near) <= n_unknown


def unknown(center: Point, geometry: Geometry, trust: bool) -> NDArray[np.bool_]:
    """Tell in which of the smooth columns that are active there is no slope."""
    is_active = ~np.isnan(center.vector[geometry.smooth])
    if not trust or center.has_failed:
        return is_active
    known = np.isfinite(center.slope(center.outcome.kind)[geometry.smooth])
    return is_active & ~known


def _shrunk(search: Search, point: Point, geometry: Geometry, trust: bool) -> float:
    """Return the radius after a step that failed.

    It leads to the minimum of the parabola through the values and the slope, within limits
    (J. Nocedal and S. J. Wright, Numerical Optimization, 2nd edition (2006), eq. 3.58).
    """
    center = search.center
    share = 0.5
    is_late = point.rank < search.previous.rank  # it may be a step from the centre before
    if is_late or unknown(center, geometry, trust).any():
        return share * search.radius
    difference = np.nan_to_num(point.vector - center.vector)[geometry.smooth]
    if not point.has_failed:
        kind = center.outcome.kind
        with np.errstate(all="ignore"):  # huge ones
            slope = float(np.nan_to_num(center.slope(kind)[geometry.smooth]) @ difference)
        rise = point.value(kind) - center.value(kind)
        if slope < 0 < rise - slope:
            share = min(max(-slope / (2 * (rise - slope)), 0.1), 0.5)
    length = float(np.max(np.abs(difference), initial=0.0))
    return share * min(search.radius, length) if length > 0 else share * search.radius


def _ratio(center: Point, point: Point, spread: float, geometry: Geometry) -> float | None:
    """Return the change of the loss divided by what the gradients at both ends say of it."""
    if center.has_failed or point.has_failed:
        return None
    if geometry.distance(point.vector, center.vector) > LONGEST_COMPARED:
        return None
    difference = np.nan_to_num(point.vector - center.vector)
    mean = center.slopes[0] / 2 + point.slopes[0] / 2  # the trapezoidal rule
    moved = difference != 0
    if not moved.any() or np.isnan(mean[moved]).any():
        return None
    with np.errstate(all="ignore"):
        expected = float(mean[moved] @ difference[moved])
    change = point.outcome.losses[0] - center.outcome.losses[0]
    is_finite = math.isfinite(expected) and math.isfinite(change)
    if not is_finite or not max(abs(change), abs(expected)) > INFORMATIVE * spread:
        return None
    return change / expected if expected else math.copysign(math.inf, change)
