"""Population-based bandits (PB2).

J. Parker-Holder, V. Nguyen and S. Roberts, Provably efficient online hyperparameter optimization
with population-based bandits, NeurIPS 2020 (arXiv 2002.02518). Members are given up as in PBT; the
parameters of their replacements come from a time-varying Gaussian-process bandit: a model of the
improvement per unit of fidelity, by the parameters and the time, whose upper confidence bound is
maximized with running trials taken for granted (their eq. 6, algorithm 2).

Here the time is one more coordinate of the process with a length scale of its own, in place of
the factor (1 - omega)^(|t - t'| / 2); improvements are compared within their generation, as those
of late generations are smaller.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Requirements, Suggestion, positive_integer
from orion_like.algo.exploit import Selector
from orion_like.algo.explore import Genotype
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.regression import NoisePrior, Posterior, most_probable
from orion_like.algo.gp.threads import one_thread
from orion_like.algo.hyperband import checked_repetitions
from orion_like.algo.population import Evolution, Member, population_levels
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import fidelity_of
from orion_like.algo.sequence import point_key
from orion_like.trial import Trial

Floats = NDArray[np.float64]

MAX_ROWS = 200
"""Trials that the model learns from, the latest ones."""

LEAST_ROWS = 4
"""Trials without which parameters are drawn from their priors."""

N_SPREAD, N_NEAR = 200, 200
"""Candidates from the priors, and around the parent and the best trials."""

N_BEST = 4

CHANGED, LEAST_CHANGE, MOST_CHANGE = 0.5, 1e-3, 0.3
"""Share of the elements that the latter change, and by how much, in the unit interval."""

EXPLORATION, GROWTH = 0.2, 0.4
"""Of the weight of the uncertainty, c1 + log(c2 t) (section 4.1)."""

TRUSTED_ATTEMPTS = 2
"""Trials of a slot that the model makes; when all of them failed, the priors make the next."""

MOST_DEVIATION = 3.0
"""Standard deviations from the mean of its generation beyond which an improvement is cut off."""

NOISE = NoisePrior(typical=1e-1, least=1e-4)


class PB2(Algorithm):
    """Train a population as `PBT` does, and learn which parameters improve members when.

    Parameters
    ----------
    problem
        The space, which must have a fidelity, the seed and the objective.
    population_size
        Members on each level. Default 50; small populations are where it helps most.
    generations
        Levels above the lowest one. Default 10.
    exploit
        Rules by which members are given up, in the form that Oríon has for them; the first that
        says so counts. Default ``BacktrackExploit``, then ``TruncateExploit``.
    repetitions
        How many populations are trained, one after the other; None is no limit, up to the
        number of trials. Default 1.

    Raises
    ------
    AlgorithmError
        If a parameter is invalid.
    """

    name = "pb2"
    requires = Requirements(fidelity=True, max_objectives=1)
    foreign_parameters = frozenset({"fork_timeout"})
    has_population = True

    def __init__(
        self,
        problem: Problem,
        population_size: int = 50,
        generations: int = 10,
        exploit: Any = None,
        repetitions: int | None = 1,
    ) -> None:
        super().__init__(problem)
        self.population_size = positive_integer("pb2", "population_size", population_size)
        self.generations = positive_integer("pb2", "generations", generations)
        select = Selector("pb2", exploit)
        self.exploit: Mapping[str, Any] = select.configuration
        self.repetitions = checked_repetitions("pb2", repetitions)
        self.ends_early = self.repetitions is not None
        self.levels = population_levels(fidelity_of(problem), generations)
        self._fidelity = fidelity_of(problem)
        self._genotype = Genotype(problem)
        self._encoding = problem.space.encoding(fidelity=True)
        self._embedding = Embedding(self._encoding)
        self._latest: tuple[tuple[object, ...], Posterior] | None = None
        self._evolution = Evolution(
            problem, population_size, self.levels, select, self._vary, self.repetitions
        )

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all levels."""
        self._evolution.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return what is due on the lowest level: a first member, one that goes on, or a child."""
        del rng  # what is due does not depend on who fills it
        return self._evolution.suggest(number)

    @one_thread()
    def _vary(
        self,
        rng: np.random.Generator,
        parent: Member,
        /,
        *,
        levels: Sequence[Sequence[Member]],
        others: Sequence[dict[str, Any]],
        attempt: int,
    ) -> dict[str, Any]:
        """Return the parameters with the highest upper confidence bound (eq. 6)."""
        rows, gains = self._improvements(levels)
        if len(rows) < LEAST_ROWS or attempt > TRUSTED_ATTEMPTS:
            return self._genotype.sample(rng)
        model = self._model(rows, gains).believing(self._encoded(list(others)))
        good = [parent, *(rows[place] for place in np.argsort(-gains, kind="stable")[:N_BEST])]
        taken = {point_key(other) for other in others}
        points = [
            self._at(point, len(levels))
            for point in map(self._genotype.express, self._candidates(rng, good))
        ]
        points = [p for p in points if point_key(p) not in taken and self.space.satisfies(p)]
        if not points:
            return self._genotype.sample(rng)
        means, variances = model.predict(self._encoded(points))
        weight = max(EXPLORATION, EXPLORATION + math.log(GROWTH * (len(levels) + 1)))
        best = points[int(np.argmax(means + np.sqrt(weight * variances)))]
        return {name: value for name, value in best.items() if name != self._fidelity.name}

    def _improvements(self, levels: Sequence[Sequence[Member]]) -> tuple[list[Member], Floats]:
        """Return members, the latest first, and how much better than others they became."""
        known = {member.id: member for level in levels for member in level}
        rows: list[Member] = []
        gains: list[float] = []
        for members in reversed(levels):
            rows += members
            gains += _standardized(np.array([self._rate(m, known) for m in members])).tolist()
            if len(rows) >= MAX_ROWS:
                break
        return rows[:MAX_ROWS], np.array(gains[:MAX_ROWS])

    def _rate(self, member: Member, known: Mapping[str, Member]) -> float:
        """Return by how much the loss of a member fell per unit of fidelity."""
        parent = known.get(member.parent or "")
        if parent is None:
            return -_loss(member)
        trained = self.levels[member.level] - self.levels[parent.level]
        return _loss(parent) / trained - _loss(member) / trained

    def _model(self, rows: list[Member], gains: Floats) -> Posterior:
        known = (*(member.id for member in rows), gains.tobytes())
        if self._latest is None or self._latest[0] != known:
            coordinates = self._coordinates(rows)
            fit = most_probable(self._embedding, coordinates, gains, NOISE)
            found = Posterior.given(self._embedding, fit.hyperparameters, coordinates, gains)
            self._latest = (known, found)
        return self._latest[1]

    def _coordinates(self, members: list[Member]) -> Floats:
        return self._encoded([self._at(member.point, member.level) for member in members])

    def _encoded(self, points: list[dict[str, Any]]) -> Floats:
        box = Box.unit(len(self._embedding.numeric))
        return self._embedding.coordinates(self._encoding.encode_many(points), box)

    def _at(self, point: dict[str, Any], level: int) -> dict[str, Any]:
        return {**point, self._fidelity.name: self.levels[level]}

    def _candidates(self, rng: np.random.Generator, good: list[Member]) -> Floats:
        """Return vectors from all of the space, and some that differ a little from good ones."""
        genotype = self._genotype
        spread = np.array([genotype.draw(rng) for _ in range(N_SPREAD)])
        centres = np.array([genotype.read(rng, member.point) for member in good])
        near = centres[np.arange(N_NEAR) % len(good)]
        scales = np.exp(rng.uniform(math.log(LEAST_CHANGE), math.log(MOST_CHANGE), (N_NEAR, 1)))
        changed = rng.random(near.shape) < CHANGED
        moved = np.clip(near + scales * rng.standard_normal(near.shape), 0.0, 1.0)
        others = np.where(genotype.is_category, spread[rng.integers(N_SPREAD, size=N_NEAR)], moved)
        return np.concatenate([spread, np.where(changed, others, near)])


def _loss(member: Member) -> float:
    return math.nan if member.outcome is None else member.outcome.losses[0]


def _standardized(rates: Floats) -> Floats:
    """Return deviations from the mean in standard deviations, large ones cut off."""
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = rates - rates.mean()
        spread = float(deviations.std())
    if not 0 < spread < math.inf:
        return np.zeros(len(rates))
    scores: Floats = np.clip(deviations / spread, -MOST_DEVIATION, MOST_DEVIATION)
    return scores
