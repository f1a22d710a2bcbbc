"""Modular factorial analysis (MOFA): which dimensions matter, and where in them.

B. Xiong, Y. Huang, H. Ye, S. Staab and Z. Li, MOFA: Modular factorial design for hyperparameter
optimization, arXiv 2011.09545 (2020). Trials come in rounds. The trials of a round are an
orthogonal array-based Latin hypercube in a region of the space; the marginal means of the levels
of each factor say how much it matters and which of its levels is best; the next round explores
the best levels of the factors that matter, and keeps the others where they are best.

A trial's round and place in it are given by its number, so all workers hold the same design.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Suggestion, Wait, positive_integer
from orion_like.algo.orthogonal_array import balanced_array, latin_hypercube, orthogonal_array
from orion_like.algo.outcome import Kind, Outcome, judge
from orion_like.algo.pareto import dominates
from orion_like.algo.problem import Problem
from orion_like.algo.sequence import point_key
from orion_like.algo.sobol import Sobol
from orion_like.errors import AlgorithmError
from orion_like.trial import Trial

Floats = NDArray[np.float64]

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)

SMALLEST_REGION = 1e-3
"""Width in all factors that matter at which the search begins again with the whole space."""

MAX_DRAWS = 100
"""Points of the region drawn in place of one that is taken or breaks a constraint."""


@dataclass(frozen=True)
class Region:
    """A box in the unit cube; factors that are kept fixed have no width."""

    low: Floats
    high: Floats

    def point(self, u: Floats) -> Floats:
        """Return the point at a place in the box."""
        return self.low + u * (self.high - self.low)

    @property
    def width(self) -> float:
        """Width in its widest factor."""
        return float(np.max(self.high - self.low, initial=0.0))


class MOFA(Algorithm):
    """Screen the dimensions by orthogonal arrays, and shrink the space round by round.

    A round waits for the running trials of the one before; broken ones count as worst. Trials
    that were not suggested, or in place of a point that was taken or broke an input constraint,
    are not analysed.

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.
    index
        How many arrays make a round. Default 1.
    n_levels
        Levels of each factor, a prime up to 19. With strength 2 it is raised, if need be, to the
        least prime with which an array has a column for each factor. Default 5.
    strength
        1: a round has `n_levels` trials, times `index`, and every level is visited equally
        often. 2: it has the square of `n_levels`, and so is every pair of levels of two factors.
        Default 2.
    threshold
        Factors whose effect is less than this share of the largest one do not matter.
        Default 0.1.

    Raises
    ------
    AlgorithmError
        If a parameter is out of its range.
    """

    name = "mofa"
    has_design = True

    def __init__(
        self,
        problem: Problem,
        index: int = 1,
        n_levels: int = 5,
        strength: int = 2,
        threshold: float = 0.1,
    ) -> None:
        super().__init__(problem)
        self.index = positive_integer(self.name, "index", index)
        self.n_levels = n_levels
        self.strength = strength
        self.threshold = threshold
        self._check()
        self._n_factors = problem.space.unit_width
        self._q = enough_levels(n_levels, self._n_factors) if strength == 2 else n_levels
        self._base = orthogonal_array(self._n_factors, self._q) if strength == 2 else None
        self._round_size = index * (self._q if self._base is None else len(self._base))
        self._whole = Region(np.zeros(self._n_factors), np.ones(self._n_factors))
        self._regions = [self._whole]  # of each round, as far as known
        self._sobol = Sobol(problem)
        self._fidelity = problem.space.fidelity
        self._trials: dict[int, tuple[str, Outcome | None]] = {}
        self._running: set[int] = set()
        self._taken: set[str] = set()

    def _check(self) -> None:
        if isinstance(self.n_levels, bool) or self.n_levels not in PRIMES:
            raise AlgorithmError(
                f"algorithm 'mofa': n_levels must be one of {', '.join(map(str, PRIMES))}, "
                f"not {self.n_levels!r}"
            )
        if isinstance(self.strength, bool) or self.strength not in (1, 2):
            raise AlgorithmError(
                f"algorithm 'mofa': strength must be 1 or 2, not {self.strength!r}"
            )
        is_number = isinstance(self.threshold, (int, float)) and not isinstance(
            self.threshold, bool
        )
        if not is_number or not 0 <= self.threshold <= 1:
            raise AlgorithmError(
                f"algorithm 'mofa': threshold must be from 0 to 1, not {self.threshold!r}"
            )

    # --- trials

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        for trial in trials:
            params = trial.flat_params
            key = point_key(params)
            self._taken.add(key)
            self._sobol.observe([trial])
            if trial.number is None:
                continue
            if self._fidelity is None or params.get(self._fidelity.name) == self._fidelity.high:
                self._take_in(trial.number, key, judge(trial, self.problem))

    def _take_in(self, number: int, key: str, outcome: Outcome | None) -> None:
        if outcome is None:
            self._running.add(number)
        else:
            self._running.discard(number)
        if self._trials.get(number) != (key, outcome):
            self._trials[number] = (key, outcome)
            del self._regions[number // self._round_size + 1 :]

    # --- suggestions

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the point of a number, or wait for the running trials of the rounds before."""
        round_, place = divmod(number, self._round_size)
        if min(self._running, default=number) < round_ * self._round_size:
            return Wait
        region = self._region(round_)
        params = self.space.from_unit(region.point(self._design(round_)[1][place]))
        for _ in range(MAX_DRAWS):
            if self.space.satisfies(params) and point_key(params) not in self._taken:
                return params
            params = self.space.from_unit(region.point(rng.random(self._n_factors)))
        return self._sobol.suggest(rng, number)

    def _design(self, round_: int) -> tuple[NDArray[np.int64], Floats]:
        """Return the levels of the factors in each trial of a round, and its points."""
        rng = np.random.default_rng([self.problem.seed, self._n_factors, round_])
        parts = [self._levels(rng) for _ in range(self.index)]
        levels = np.vstack(parts)[rng.permutation(self._round_size)]
        return levels, latin_hypercube(levels, self._q, rng)

    def _levels(self, rng: np.random.Generator) -> NDArray[np.int64]:
        if self._base is None:
            return balanced_array(self._n_factors, self._q, rng)
        renamed = balanced_array(self._n_factors, self._q, rng)
        return renamed[self._base, np.arange(self._n_factors)]

    # --- analysis

    def _region(self, round_: int) -> Region:
        while len(self._regions) <= round_:
            self._regions.append(self._shrunk(len(self._regions) - 1))
        return self._regions[round_]

    def _shrunk(self, round_: int) -> Region:
        """Return what the trials of a round leave of its region."""
        region = self._regions[round_]
        levels, points = self._design(round_)
        rows, outcomes = [], []
        for row, u in enumerate(points):
            key, outcome = self._trials.get(round_ * self._round_size + row, ("", None))
            if outcome is not None and key == point_key(self.space.from_unit(region.point(u))):
                rows.append(row)
                outcomes.append(outcome)
        is_free = region.high > region.low
        means, effects = main_effects(levels[rows], scores(outcomes), self._q)
        effects = np.where(is_free, effects, 0.0)
        if not np.max(effects, initial=0.0) > 0:
            return region
        matters = is_free & (effects >= self.threshold * np.max(effects))
        cell = (region.high - region.low) / self._q
        center = region.low + (np.nanargmin(means, axis=0) + 0.5) * cell
        low = np.where(matters, np.maximum(center - cell, region.low), center)
        high = np.where(matters, np.minimum(center + cell, region.high), center)
        shrunk = Region(low, high)
        return shrunk if shrunk.width >= SMALLEST_REGION else self._whole


def enough_levels(n_levels: int, n_factors: int) -> int:
    """Return the least number of levels for which an array of their square has all factors.

    Beyond 20 factors, larger arrays do.

    Examples
    --------
    >>> enough_levels(5, 6), enough_levels(5, 7), enough_levels(5, 30)
    (5, 7, 5)
    """
    return next((q for q in PRIMES if q >= n_levels and q + 1 >= n_factors), n_levels)


def scores(outcomes: Sequence[Outcome]) -> Floats:
    """Return the ranks of outcomes, 0 for the best, equal for equals; they have no outliers."""
    losses = np.array([o.losses for o in outcomes if o.kind is not Kind.FAILED]).T
    keys: list[tuple[float, ...]] = []
    for outcome in outcomes:
        if len(outcome.losses) > 1:
            n_better = float(np.count_nonzero(dominates(losses, np.array(outcome.losses)[:, None])))
            keys.append((outcome.kind, outcome.violation, n_better))
        else:
            keys.append(outcome.key)
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], dtype=float)


def main_effects(levels: NDArray[np.int64], values: Floats, n_levels: int) -> tuple[Floats, Floats]:
    """Return the mean at each level of each factor, and the sum of squares of each factor.

    Parameters
    ----------
    levels
        Levels of the factors, one trial a row.
    values
        One per trial.
    n_levels
        Number of levels.

    Returns
    -------
    tuple
        Means, one factor a column and NaN for levels without a trial; sums of squares.

    Examples
    --------
    >>> means, effects = main_effects(np.array([[0, 0], [1, 0], [0, 1]]), np.array([1.0, 4, 1]), 2)
    >>> means.tolist(), effects.tolist()
    ([[1.0, 2.5], [4.0, 1.0]], [6.0, 1.5])
    """
    n_factors = levels.shape[1]
    sums, counts = np.zeros((n_levels, n_factors)), np.zeros((n_levels, n_factors))
    for factor in range(n_factors):
        np.add.at(sums[:, factor], levels[:, factor], values)
        np.add.at(counts[:, factor], levels[:, factor], 1.0)
    with np.errstate(invalid="ignore"):
        means = sums / counts
    mean = values.mean() if len(values) else 0.0
    effects: Floats = np.nansum(counts * (means - mean) ** 2, axis=0)
    return means, effects
