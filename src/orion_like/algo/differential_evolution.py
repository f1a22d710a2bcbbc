"""Differential evolution (DE) with parameters that adapt to success, asynchronous.

R. Storn and K. Price, Differential evolution - a simple and efficient heuristic for global
optimization over continuous spaces, Journal of Global Optimization 11, 1997; the mutation
current-to-pbest/1 with an archive after J. Zhang and A. C. Sanderson, JADE: adaptive
differential evolution with optional external archive, IEEE Transactions on Evolutionary
Computation 13(5), 2009; the memory of scale factors and crossover rates after R. Tanabe and
A. Fukunaga, Success-history based parameter adaptation for differential evolution, CEC 2013.

Trial k challenges the member in slot ``k mod population_size``, and takes its place if it is
at least as good. So the population does not depend on when trials finish.
"""

from __future__ import annotations

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
from orion_like.algo.generations import Generations, Member
from orion_like.algo.genome import Genome
from orion_like.algo.outcome import Kind
from orion_like.algo.problem import Problem
from orion_like.algo.sobol import Sobol
from orion_like.trial import Trial

Floats = NDArray[np.float64]

MAX_DRAWS = 100
"""Challengers made until one is new and keeps the input constraints."""

MEMORY_SIZE = 6
"""Generations whose successes are remembered (L-SHADE, CEC 2014; SHADE has 100)."""

SPREAD = 0.1
"""Scale of the distributions of factors and rates around what is remembered (JADE, eq. 3, 5)."""


@dataclass(frozen=True)
class _Success:
    """A challenger that won: its parameters, and by how much."""

    factor: float
    rate: float
    gain: float


@dataclass(frozen=True)
class _Population:
    """The members by slots, the members they replaced, and what was learned.

    Parameters
    ----------
    slots
        Member of each slot, None where there is none so far.
    archive
        The latest members that were replaced.
    memory
        Scale factor and crossover rate of the successes of some generations.
    successes
        Those of the generation that goes on.
    generation
        Its number.
    """

    slots: tuple[Member | None, ...]
    archive: tuple[Member, ...] = ()
    memory: tuple[tuple[float, float], ...] = ((0.5, 0.5),) * MEMORY_SIZE
    successes: tuple[_Success, ...] = ()
    generation: int = 0


class DifferentialEvolution(Algorithm):
    """Move points along the differences between others.

    The cost of a suggestion does not grow with the number of trials. Trials are compared by
    feasibility first. Trials that a user inserted join the population.

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.
    population_size
        Members of the population; the first ones are points of a scrambled Sobol' sequence.
        Default 10, which suits some hundreds of trials; with thousands more are better.
    p_best
        Share of the population that counts as its best, towards which points move. Default 0.2.

    Raises
    ------
    AlgorithmError
        If a parameter is out of its range.
    """

    name = "de"
    requires = Requirements(max_objectives=1)

    def __init__(self, problem: Problem, population_size: int = 10, p_best: float = 0.2) -> None:
        super().__init__(problem)
        self.population_size = positive_integer("de", "population_size", population_size, 4)
        self.p_best = positive_share("de", "p_best", p_best)
        self._genome = Genome(problem.space)
        self._initial = Sobol(problem)
        self._generations = Generations(problem, self._found, self._challenge)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials; those that are not finished count as taken."""
        trials = list(trials)
        self._initial.observe(trials)
        self._generations.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return a challenger that is new and keeps the input constraints."""
        population = self._generations.state
        members = [m for m in population.slots if m is not None and not _has_failed(m)]
        if number >= self.population_size and len(members) >= 4:
            parameters = _drawn_parameters(population, rng)
            for _ in range(MAX_DRAWS):
                genes = self._challenger(population, members, number, parameters, rng)
                params = self._genome.express(genes)
                if self.space.satisfies(params) and not self._generations.is_taken(params):
                    return params
                parameters = _drawn_parameters(population, rng)
        return self._initial.suggest(rng, number)

    # --- selection ----------------------------------------------------------------------------

    def _found(self, founders: Sequence[Member]) -> _Population:
        best = sorted(founders, key=attrgetter("merit"))[: self.population_size]
        return _Population((*best, *[None] * (self.population_size - len(best))))

    def _challenge(self, population: _Population, member: Member) -> _Population:
        """Return the population after a trial has challenged the member of its slot."""
        slot = member.number % self.population_size
        incumbent = population.slots[slot]
        if incumbent is None or member.outcome.key <= incumbent.outcome.key:
            slots = (*population.slots[:slot], member, *population.slots[slot + 1 :])
            population = replace(population, slots=slots)
            if incumbent is not None and member.outcome.key < incumbent.outcome.key:
                population = self._learn(population, member, incumbent)
        if slot == self.population_size - 1:
            population = _remembered(population)
        return population

    def _learn(self, population: _Population, winner: Member, loser: Member) -> _Population:
        """Note the parameters of a challenger that won, drawn again as they were drawn then.

        Those of workers that did not know the latest generation differ a little.
        """
        factor, rate = _drawn_parameters(population, self.problem.stream(winner.number))
        success = _Success(factor, rate, _gain(winner, loser))
        return replace(
            population,
            archive=(*population.archive, loser)[-self.population_size :],
            successes=(*population.successes, success),
        )

    # --- variation ----------------------------------------------------------------------------

    def _challenger(
        self,
        population: _Population,
        members: Sequence[Member],
        number: int,
        parameters: tuple[float, float],
        rng: np.random.Generator,
    ) -> Floats:
        """Return v = x + F (x_pbest - x) + F (x_r1 - x_r2), crossed with x (JADE, eq. 7)."""
        factor, rate = parameters
        ranked = sorted(members, key=attrgetter("merit"))
        n_best = max(2, round(self.p_best * len(ranked)))
        target = population.slots[number % self.population_size]
        if target is None or _has_failed(target):
            target = ranked[int(rng.integers(len(ranked)))]
        best = ranked[int(rng.integers(n_best))]
        first = _other(ranked, [target], rng)
        second = _other([*ranked, *population.archive], [target, first], rng)
        group = np.array([m.vector for m in (target, best, first, second)])
        x, pbest, r1, r2 = self._genome.read(group, rng)
        mutant = self._mutant(x, pbest, r1, r2, factor, rng)
        crossed = rng.random(self._genome.size) < rate
        if self._genome.size:
            crossed[rng.integers(self._genome.size)] = True
        return np.where(crossed, mutant, x)

    def _mutant(
        self, x: Floats, pbest: Floats, r1: Floats, r2: Floats, factor: float, rng: Any
    ) -> Floats:
        numbers = self._genome.n_numbers
        mutant = x + factor * (pbest - x) + factor * (r1 - r2)
        # Half the way to a bound instead of beyond it (JADE, section III).
        mutant = np.where(mutant < 0, x / 2, np.where(mutant > 1, (1 + x) / 2, mutant))
        # A category is that of the best where the best pulls, and another's where others differ.
        pulled = rng.random(self._genome.size) < factor
        differs = (r1 != r2) & (rng.random(self._genome.size) < factor)
        category = np.where(differs, r1, np.where(pulled, pbest, x))
        return np.concatenate([mutant[:numbers], category[numbers:]])


def _has_failed(member: Member) -> bool:
    return member.outcome.kind is Kind.FAILED


def _other(
    members: Sequence[Member], excluded: Sequence[Member], rng: np.random.Generator
) -> Member:
    """Return a member at random that is none of some others."""
    ids = {member.id for member in excluded}
    left = [member for member in members if member.id not in ids]
    return left[int(rng.integers(len(left)))]


def _gain(winner: Member, loser: Member) -> float:
    """Return by how much the loss became lower; 1 where that is not defined (SHADE, eq. 9)."""
    if not (winner.outcome.is_feasible and loser.outcome.is_feasible):
        return 1.0
    return loser.outcome.losses[0] / 2 - winner.outcome.losses[0] / 2


def _drawn_parameters(population: _Population, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a scale factor and a crossover rate around what is remembered (SHADE, eq. 1, 2)."""
    mean_factor, mean_rate = population.memory[int(rng.integers(MEMORY_SIZE))]
    rate = float(np.clip(rng.normal(mean_rate, SPREAD), 0.0, 1.0))
    factor = 0.0
    while factor <= 0:
        factor = min(1.0, mean_factor + SPREAD * float(rng.standard_cauchy()))
    return factor, rate


def _remembered(population: _Population) -> _Population:
    """Return the population with the successes of a generation in its memory (SHADE, eq. 7-10)."""
    memory = list(population.memory)
    if population.successes:
        gains = np.array([success.gain for success in population.successes])
        weights = gains / gains.max() if gains.max() > 0 else np.ones(len(gains))
        factors = np.array([success.factor for success in population.successes])
        rates = np.array([success.rate for success in population.successes])
        lehmer = float(weights @ factors**2 / (weights @ factors))
        mean_rate = float(weights @ rates / weights.sum())
        memory[population.generation % MEMORY_SIZE] = (lehmer, mean_rate)
    return replace(
        population,
        memory=tuple(memory),
        successes=(),
        generation=population.generation + bool(population.successes),
    )
