"""Tree-structured Parzen estimator (TPE).

J. Bergstra, R. Bardenet, Y. Bengio and B. Kégl, Algorithms for hyper-parameter optimization,
NIPS 2011. The trials are split into good and other ones, whose densities l and g (their
eq. 2) are estimated; of candidates drawn from l, the one with the highest l / g has the
highest expected improvement (their eq. 3). The estimators are joint ones over all dimensions,
see :mod:`orion_like.algo.parzen`.

Trials that are still running count among the others, so that workers keep away from each
other (D. Ginsbourger, R. Le Riche and L. Carraro, Kriging is well-suited to parallelize
optimization, 2010: the constant liar, whose lie is the worst value here).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Suggestion, positive_integer
from orion_like.algo.history import History
from orion_like.algo.parzen import Axes, Kernel, ParzenEstimator
from orion_like.algo.prior_densities import Estimators, PriorDensities
from orion_like.algo.problem import Problem
from orion_like.algo.sobol import Sobol
from orion_like.errors import AlgorithmError
from orion_like.trial import Trial

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MAX_GOOD = 25
"""Most trials among the good ones."""

MIN_GOOD = 3
"""Fewest trials among the good ones, if so many succeeded."""

MAX_PENDING = 256
"""Most running trials that are taken into account, the latest ones."""

PENDING_WEIGHT = 0.3
"""Weight of a running trial among the others: most of them will turn out better than these."""

MAX_BATCHES = 4
"""Batches of candidates drawn to find one that is new and keeps the input constraints."""

# Found with benchmarks/quality. Narrow kernels for the other trials are what matters
# most: they let good and bad trials stand close to each other.
GOOD_KERNEL = Kernel(scale=0.3, spread_power=1.0)
OTHER_KERNEL = Kernel(scale=0.1, spread_power=0.5)


class TPE(Algorithm):
    """Draw candidates where good trials crowd, and take the one where others do so least.

    The cost of a suggestion does not grow with the number of trials: beyond some hundreds,
    a thinned-out selection stands for those that are not among the good ones. Outcome
    constraints put infeasible trials behind all feasible ones, by their violation; several
    objectives are compared by domination and dominated volume. Broken trials and objectives
    that are not finite count as worst of all.

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.
    n_initial_points
        Finished trials before the densities are estimated; until then, points of a scrambled
        Sobol' sequence are suggested. Default 10.
    n_ei_candidates
        Candidates drawn for a suggestion. More of them exploit more. Default 24.
    gamma
        Share of the trials that count as good, at most 25 of them. Default 0.1.
    prior_weight
        Weight of the prior in both densities, in trials. Default 1.

    Raises
    ------
    AlgorithmError
        If a parameter is out of its range.
    """

    name = "tpe"
    foreign_parameters = frozenset(
        {"equal_weight", "full_weight_num", "max_retry", "parallel_strategy"}
    )

    def __init__(
        self,
        problem: Problem,
        n_initial_points: int = 10,
        n_ei_candidates: int = 24,
        gamma: float = 0.1,
        prior_weight: float = 1.0,
    ) -> None:
        super().__init__(problem)
        self.n_initial_points = positive_integer("tpe", "n_initial_points", n_initial_points)
        self.n_ei_candidates = positive_integer("tpe", "n_ei_candidates", n_ei_candidates)
        self.gamma = _number_within("gamma", gamma, 1.0)
        self.prior_weight = _number_within("prior_weight", prior_weight, math.inf)
        self._initial = Sobol(problem)
        self._encoding = problem.space.encoding()
        self._axes = Axes.of(self._encoding)
        self._history = History(problem)
        self.prior_densities = PriorDensities(problem, self._estimators)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials; those that are not finished are kept away from."""
        trials = list(trials)
        self._initial.observe(trials)
        self._history.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the most promising of some candidates, or an initial point."""
        ranking = self._history.ranking
        if len(ranking) >= self.n_initial_points and ranking.successes:
            good, other = self._estimators(self._history)
            factors = self._factors()
            for _ in range(MAX_BATCHES):
                params = self._best_candidate(rng, good, other, factors)
                if params is not None:
                    return params
        return self._initial.suggest(rng, number)

    def _factors(self) -> list[float]:
        """Return how much each related task counts."""
        if not len(self.prior_densities):
            return []
        n_trials = len(self._history.ranking)
        split = self._history.ranking.split(MAX_GOOD)
        ordered = self._history.vectors(np.concatenate([split.good, split.rest]))
        return self.prior_densities.factors(ordered, n_trials)

    def _estimators(self, history: History) -> Estimators:
        """Return l and g, the densities of the good trials of a history and of the others."""
        n_trials = len(history.ranking)
        n_good = min(max(MIN_GOOD, math.ceil(self.gamma * n_trials)), MAX_GOOD)
        split = history.ranking.split(n_good)
        pending = history.pending(MAX_PENDING)
        others = np.concatenate([split.rest, pending])
        other_weights = np.concatenate([split.weights, np.full(len(pending), PENDING_WEIGHT)])
        return (
            self._estimator(history, split.good, rank_weights(len(split.good)), GOOD_KERNEL),
            self._estimator(history, others, other_weights, OTHER_KERNEL),
        )

    def _estimator(
        self, history: History, rows: Rows, weights: Floats, kernel: Kernel
    ) -> ParzenEstimator:
        return ParzenEstimator(
            self._axes,
            history.vectors(rows),
            weights,
            prior_weight=self.prior_weight,
            kernel=kernel,
            n_trials=len(history.ranking),
        )

    def _best_candidate(
        self,
        rng: np.random.Generator,
        good: ParzenEstimator,
        other: ParzenEstimator,
        factors: list[float],
    ) -> dict[str, Any] | None:
        """Return the candidate with the highest l / g that is new and keeps the constraints."""
        # Decoding snaps to grids and drops what is inactive, so that the score is that of the
        # very point that a trial would get.
        drawn = good.sample(rng, self.n_ei_candidates)
        more = self.prior_densities.sample(rng, factors, self.n_ei_candidates)
        points = self._encoding.decode_many(np.concatenate([drawn, *more]))
        vectors = self._encoding.encode_many(points)
        scores = good.log_density(vectors) - other.log_density(vectors)
        scores += self.prior_densities.score(vectors, factors)
        for index in np.argsort(-scores, kind="stable").tolist():
            params: dict[str, Any] = points[index]
            if self.space.satisfies(params) and not self._history.is_taken(params):
                return params
        return None


def rank_weights(n: int) -> Floats:
    """Return weights that fall with the rank, log(n + 1) - log(rank), with a mean of 1.

    They are those by which the CMA evolution strategy recombines its parents (N. Hansen,
    arXiv 1604.00772).
    """
    weights = np.log(n + 1) - np.log(np.arange(1, n + 1))
    scaled: Floats = weights / weights.mean()
    return scaled


def _number_within(parameter: str, value: Any, most: float) -> float:
    """Return a number if it is above zero and at most `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        bound = "a positive number" if math.isinf(most) else f"above 0 and at most {most:g}"
        raise AlgorithmError(f"algorithm 'tpe': {parameter} must be {bound}, not {value!r}")
    return float(value)
