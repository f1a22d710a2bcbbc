"""Covariance matrix adaptation evolution strategy (CMA-ES), asynchronous and with restarts.

N. Hansen, The CMA evolution strategy: a tutorial, arXiv 1604.00772, through the ``cmaes``
library; see :mod:`orion_like.algo.search_distribution` for its variants.

Generations overlap: after every half population of finished trials, the distribution learns
from the last whole population of them. So each trial is learned from twice, good trials
outlive one generation, and trials that were drawn from an older distribution, because other
workers were still running, do not pull the mean back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import (
    Algorithm,
    Requirements,
    Suggestion,
    positive_integer,
    positive_share,
)
from orion_like.algo.box import Box
from orion_like.algo.generations import Generations, Member
from orion_like.algo.outcome import Kind
from orion_like.algo.parzen import Axes
from orion_like.algo.problem import Problem
from orion_like.algo.search_distribution import SearchDistribution
from orion_like.algo.sobol import Sobol
from orion_like.errors import AlgorithmError
from orion_like.spelling import did_you_mean
from orion_like.trial import Trial

Floats = NDArray[np.float64]

MAX_DRAWS = 100
"""Draws for a point that is new and keeps the input constraints."""

SEPARABLE_FROM = 50
"""Numeric dimensions from which on the covariance matrix is diagonal, unless told otherwise."""

MIN_SOURCE = 10
"""Earlier trials from which on a distribution is estimated from the best of them."""

# Better than the tenth and the 0.1 of arXiv 2012.06932 after 50 to 200 trials of tpe.
SOURCE_SHARE = 0.2
"""Share of earlier trials that count as good."""

SOURCE_SPREAD = 0.05
"""Standard deviation around each of them."""

SETTLING = 64
"""First trials of a restart that may still be those of the run before."""

RESTARTS = ("ipop", "bipop")


@dataclass(frozen=True)
class _Run:
    """One run from start to restart, and what went before it."""

    distribution: SearchDistribution
    window: tuple[Member, ...] = ()
    unlearned: int = 0
    seen: int = 0
    bests: tuple[tuple[float, ...], ...] = ()
    left: Floats | None = None  # vectors of the last generation of the run before
    index: int = 0
    large: int = 0  # restarts with a doubled population
    spent: tuple[int, int] = (0, 0)  # trials in runs with large and with small populations
    is_small: bool = False


class CMAES(Algorithm):
    """Draw from a Gaussian that moves, grows and turns to where good trials lie.

    The cost of a suggestion does not grow with the number of trials. Trials are ranked by
    feasibility first. Trials that a user inserted, and those before number `start`, are learned
    from at the beginning (warm start).

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.
    population_size
        Trials that the distribution is learned from at a time. Default ``4 + floor(3 ln n)``
        in n dimensions (Hansen 2016, eq. 48).
    sigma0
        Standard deviation at the start, in widths of the space. Default 0.17, of
        which three reach from the middle to the ends.
    restarts
        What happens when a run has converged: ``'ipop'`` doubles the population (A. Auger and
        N. Hansen, A restart CMA evolution strategy with increasing population size, CEC 2005);
        ``'bipop'`` alternates with small ones (N. Hansen, Benchmarking a BI-population CMA-ES
        on the BBOB-2009 function testbed, GECCO 2009). Default ``'ipop'``.
    lr_adapt
        Whether learning rates adapt to noise and many optima, which needs large budgets.
        Default False.
    separable
        Whether the covariance matrix is diagonal, which learns faster in many dimensions.
        Default from 50 numeric dimensions on.
    start
        Number of the first trial of its own; those before it come from another algorithm and
        are the source of a warm start (M. Nomura, S. Watanabe, Y. Akimoto, Y. Ozaki and
        M. Onishi, Warm starting CMA-ES, arXiv 2012.06932). Default 0.

    Raises
    ------
    AlgorithmError
        If a parameter is out of its range.
    """

    name = "cmaes"
    requires = Requirements(max_objectives=1)

    def __init__(
        self,
        problem: Problem,
        population_size: int | None = None,
        sigma0: float = 0.17,
        restarts: str = "ipop",
        lr_adapt: bool = False,
        separable: bool | None = None,
        start: int = 0,
    ) -> None:
        super().__init__(problem)
        self.population_size = population_size
        if population_size is not None:
            positive_integer("cmaes", "population_size", population_size, least=4)
        self.sigma0 = positive_share("cmaes", "sigma0", sigma0)
        self.restarts = _one_of_restarts(restarts)
        self.lr_adapt = _flag("lr_adapt", lr_adapt)
        self.separable = separable if separable is None else _flag("separable", separable)
        self.start = positive_integer("cmaes", "start", start, least=0)
        if self.lr_adapt and self.separable:
            raise AlgorithmError("algorithm 'cmaes': lr_adapt and separable exclude each other")
        self._encoding = problem.space.encoding()
        self._box = Box(self._encoding)
        self._categories = Axes.of(self._encoding).categories
        self._n_dimensions = max(1, len(self._box.columns) + len(self._categories))
        self._first_size = population_size or 4 + int(3 * math.log(self._n_dimensions))
        self._initial = Sobol(problem)
        self._generations = Generations(problem, self._found, self._advance, start)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials; those that are not finished count as taken."""
        trials = list(trials)
        self._initial.observe(trials)
        self._generations.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return a draw that is new and keeps the input constraints."""
        if number >= self.start:
            draws = self._generations.state.distribution.draws(rng, self._encoding.width)
            for _ in range(MAX_DRAWS):
                params = self._encoding.decode(next(draws))
                if self.space.satisfies(params) and not self._generations.is_taken(params):
                    return params
        return self._initial.suggest(rng, number)

    # --- one run ------------------------------------------------------------------------------

    def _found(self, founders: Sequence[Member]) -> _Run:
        """Return the first run, warm-started from trials that came before."""
        return _Run(self._warm_start(founders))

    def _warm_start(self, founders: Sequence[Member]) -> SearchDistribution:
        """Return a distribution around the best earlier trials, or in the middle of the space."""
        ranked = sorted(
            (m for m in founders if m.outcome.kind is not Kind.FAILED), key=attrgetter("merit")
        )
        middle = np.full(len(self._box.columns), 0.5)
        if not ranked:
            return self._distribution(self._first_size, middle, self.sigma0)
        vectors = np.array([member.vector for member in ranked])
        coordinates = self._box.coordinates(vectors)
        coordinates = np.where(np.isnan(coordinates), 0.5, coordinates)
        good = vectors[: max(1, int(SOURCE_SHARE * len(ranked)))]
        if len(ranked) < MIN_SOURCE or not len(middle):
            return self._distribution(
                self._first_size, coordinates[0] if len(middle) else middle, self.sigma0, good=good
            )
        mean, sigma, covariance = _promising(coordinates[: len(good)])
        return self._distribution(self._first_size, mean, sigma, covariance, good)

    def _distribution(
        self,
        population_size: int,
        mean: Floats,
        sigma: float,
        covariance: Floats | None = None,
        good: Floats | None = None,
    ) -> SearchDistribution:
        optimizer = None
        if len(mean):
            optimizer = self._optimizer(population_size, mean, sigma, covariance)
        chances = []
        for column, prior in self._categories:
            if good is not None:
                chosen = good[:, column][~np.isnan(good[:, column])].astype(int)
                counts = np.bincount(chosen, minlength=len(prior)) * (prior > 0)
                prior = (prior + counts) / (1 + counts.sum())
            chances.append((column, prior))
        return SearchDistribution(self._box, optimizer, chances, population_size)

    def _optimizer(
        self, population_size: int, mean: Floats, sigma: float, covariance: Floats | None
    ) -> Any:
        """Return the variant of the library that fits."""
        from cmaes import CMA, CMAwM, SepCMA

        separable = len(mean) >= SEPARABLE_FROM if self.separable is None else self.separable
        common = {"population_size": population_size}
        if self.lr_adapt:
            return CMA(mean, sigma, cov=covariance, lr_adapt=True, **common)
        if separable:
            return SepCMA(mean, sigma, **common)
        if not self._box.is_grid.any():
            return CMA(mean, sigma, cov=covariance, **common)
        steps = np.where(self._box.is_grid, 1 / np.maximum(self._box.levels, 1), 0.0)
        ends = np.array([0.0, 1.0]) + np.outer(steps, [0.5, -0.5])
        bounds = np.where(self._box.is_grid[:, None], ends, [-np.inf, np.inf])
        mean = np.clip(mean, bounds[:, 0], bounds[:, 1])
        return CMAwM(mean, sigma, cov=covariance, bounds=bounds, steps=steps, **common)

    def _advance(self, run: _Run, member: Member) -> _Run:
        """Return the run after one more trial."""
        if run.left is not None and run.seen < SETTLING and _is_within(member.vector, run.left):
            return replace(run, seen=run.seen + 1)
        size = run.distribution.population_size
        window = (*run.window, member)[-size:]
        run = replace(run, window=window, unlearned=run.unlearned + 1, seen=run.seen + 1)
        if len(window) < size or run.unlearned < size // 2:
            return run
        ranked = sorted(window, key=attrgetter("merit"))
        if ranked[0].outcome.kind is Kind.FAILED:
            return run
        distribution = run.distribution.learn(
            [m.vector for m in ranked], [self.problem.stream(m.number) for m in ranked]
        )
        n_bests = 10 + -(-30 * self._n_dimensions // size)  # tolfun of Hansen 2016, B.3
        bests = (*run.bests, ranked[0].outcome.key)[-n_bests:]
        run = replace(run, distribution=distribution, unlearned=0, bests=bests)
        if distribution.is_worn_out or (len(bests) == n_bests and _are_equal(bests)):
            return self._restarted(run)
        return run

    # --- restarts -----------------------------------------------------------------------------

    def _restarted(self, run: _Run) -> _Run:
        rng = np.random.default_rng([self.problem.seed, run.index + 1, 0])
        spent_large, spent_small = run.spent
        if run.is_small:
            spent_small += run.seen
        else:
            spent_large += run.seen
        is_small = self.restarts == "bipop" and run.index > 0 and spent_small < spent_large
        large = run.large if is_small else run.large + 1
        size, sigma = self._first_size * 2**large, self.sigma0
        if is_small:
            ratio = size / self._first_size / 2
            size = max(4, int(self._first_size * ratio ** (rng.random() ** 2)))
            sigma *= 10 ** (-2 * rng.random())
        mean = rng.random(len(self._box.columns))
        return _Run(
            self._distribution(size, mean, sigma),
            left=np.array([member.vector for member in run.window]),
            index=run.index + 1,
            large=large,
            spent=(spent_large, spent_small),
            is_small=is_small,
        )


def _promising(points: Floats) -> tuple[Floats, float, Floats]:
    """Return mean, step size and covariance of a mixture of Gaussians at good points.

    arXiv 2012.06932, eq. (9) and (10), with the covariance scaled to a determinant of one.
    """
    width = points.shape[1]
    covariance = np.cov(points.T, bias=True).reshape(width, width) + SOURCE_SPREAD**2 * np.eye(
        width
    )
    sigma = math.exp(np.linalg.slogdet(covariance)[1] / (2 * width))
    return points.mean(axis=0), sigma, covariance / sigma**2


def _is_within(vector: Floats, group: Floats) -> bool:
    """Whether a point lies among others, or not much beside them."""
    low, high = group.min(axis=0), group.max(axis=0)
    beside = (high - low) / 2
    outside = (vector < low - beside) | (vector > high + beside)
    return not outside.any()


def _are_equal(bests: tuple[tuple[float, ...], ...]) -> bool:
    """Whether the best outcomes of many generations do not differ (tolfun)."""
    (*first, low), (*last, high) = min(bests), max(bests)
    return first == last and (low == high or high - low <= 1e-12 * abs(high))


def _flag(parameter: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise AlgorithmError(f"algorithm 'cmaes': {parameter} must be true or false, not {value!r}")
    return value


def _one_of_restarts(value: Any) -> str:
    if value not in RESTARTS:
        raise AlgorithmError(
            f"algorithm 'cmaes': restarts must be 'ipop' or 'bipop', not {value!r}"
            f"{did_you_mean(str(value), RESTARTS)}"
        )
    return str(value)
