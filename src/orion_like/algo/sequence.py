"""Numbered sequences of distinct points: the same for every worker, and used up exactly.

Point k is a function of the seed and of k alone, never of the trials seen so far; so all
workers hold the same sequence, and number k means the same point to each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping
from itertools import count, islice
from typing import Any

from orion_like.algo.base import Exhausted, Suggestion
from orion_like.errors import SpaceError
from orion_like.space import Dimension, Space

ROOMY = 1e12
"""Distinct points from which on repeated draws are too unlikely to keep track of."""

MAX_DRAWS = 100
"""Draws for one point of a finite space, before the points left over are enumerated."""

MAX_DRAWS_COARSE = 1000
"""Draws for one point of a space that cannot be enumerated, before it counts as used up."""


MAX_SEARCHED = 1_000_000
"""Points of a space that is searched for the few which satisfy its constraints."""


def point_key(params: Mapping[str, Any]) -> str:
    """Return a text that identifies a point, as the recipe of trial ids does.

    Examples
    --------
    >>> point_key({"y": 2, "x": 0.5})
    'x:0.5,y:2'
    """
    return ",".join([f"{name}:{params[name]}" for name in sorted(params)])


def is_roomy(space: Space) -> bool:
    """Whether random draws from the space practically never repeat."""
    unconditional = [dim for dim in space.values() if dim.condition is None]
    return sum(_log_size(dim) for dim in unconditional) >= math.log(ROOMY)


def _log_size(dimension: Dimension) -> float:
    """Return the logarithm of the number of values that carry most of the probability."""
    elements = math.prod(dimension.shape) if dimension.shape else 1
    if math.isfinite(dimension.cardinality):
        return math.log(max(1, dimension.cardinality))
    if dimension.type == "real":
        precision = dimension.precision
        return elements * math.log(10.0 ** (15 if precision is None else precision))
    return elements * math.log(10.0)


def first_free(
    point: Callable[[int], dict[str, Any] | None], number: int, taken: Container[str]
) -> Suggestion:
    """Return point `number` of a sequence, or the next one that is not taken, in a circle.

    Parameters
    ----------
    point
        Gives the point of a number, or None beyond the end of the sequence.
    number
        Where to begin.
    taken
        Keys of the points that trials have.
    """
    for positions in (count(number), range(number)):
        for position in positions:
            params = point(position)
            if params is None:
                break
            if point_key(params) not in taken:
                return params
    return Exhausted


class DistinctSequence:
    """Draws without repetition: point k is the first draw of k that is none of the points before.

    When draws find nothing new any more, the points that are left of a finite space follow in
    the space's own order, so that the sequence visits every point once and then ends.

    Parameters
    ----------
    space
        The search space.
    draws
        Gives the endless draws for a number.
    """

    def __init__(self, space: Space, draws: Callable[[int], Iterator[dict[str, Any]]]) -> None:
        self._space = space
        self._draws = draws
        self._points: list[dict[str, Any]] = []
        self._seen: set[str] = set()
        self._left: Iterator[dict[str, Any]] | None = None
        self._ended = False

    def point(self, number: int) -> dict[str, Any] | None:
        """Return point `number`, or None when the sequence ends before it."""
        while len(self._points) <= number and not self._ended:
            found = self._next()
            if found is None:
                self._ended = True
            else:
                self._seen.add(point_key(found))
                self._points.append(found)
        return dict(self._points[number]) if number < len(self._points) else None

    def _next(self) -> dict[str, Any] | None:
        if self._left is None:
            finite = self._space.is_finite
            tries = MAX_DRAWS if finite else MAX_DRAWS_COARSE
            try:
                for params in islice(self._draws(len(self._points)), tries):
                    if point_key(params) not in self._seen:
                        return params
            except SpaceError:  # constraints that draws hardly ever satisfy
                if self._space.cardinality > MAX_SEARCHED:
                    raise
            self._left = self._space.points() if finite else iter(())
        return next((p for p in self._left if point_key(p) not in self._seen), None)
