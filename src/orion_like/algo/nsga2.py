"""Nondominated sorting genetic algorithm II (NSGA-II), asynchronous.

K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, A fast and elitist multiobjective genetic
algorithm: NSGA-II, IEEE Transactions on Evolutionary Computation 6(2), 2002.

Each finished trial joins the population, and the worst one leaves it. A. J. Nebro and
J. J. Durillo, On the effect of applying a steady-state selection scheme in the multi-objective
genetic algorithm NSGA-II, 2009, found this to come closer to the front than whole generations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Suggestion, positive_integer
from orion_like.algo.generations import Generations, Member
from orion_like.algo.genome import Genome
from orion_like.algo.outcome import Kind
from orion_like.algo.pareto import crowding_distances, nondominated_fronts
from orion_like.algo.problem import Problem
from orion_like.algo.sobol import Sobol
from orion_like.errors import AlgorithmError
from orion_like.trial import Trial

Floats = NDArray[np.float64]

MAX_DRAWS = 100
"""Children made until one is new and keeps the input constraints."""


class NSGA2(Algorithm):
    """Cross and mutate the points of good trials, which are those that few others dominate.

    The cost of a suggestion does not grow with the number of trials. Infeasible trials rank
    behind all feasible ones, by their violation, and failed ones last (constraint domination).
    With one objective it is a genetic algorithm. Trials that a user inserted join the
    population.

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.
    population_size
        Trials that are parents; the first ones are points of a scrambled Sobol' sequence.
        Default 20.
    crossover_prob
        Probability that a child has two parents. Default 0.9 (Deb et al. 2002, section V).
    mutation_prob
        Probability that a gene mutates. Default one divided by the number of genes (same).
    crossover_eta, mutation_eta
        Distribution indices: the higher, the closer to the parents are children. Default 5, which
        is better than the 20 of the paper in the few hundreds of trials that it is used for here.

    Raises
    ------
    AlgorithmError
        If a parameter is out of its range.
    """

    name = "nsga2"

    def __init__(
        self,
        problem: Problem,
        population_size: int = 20,
        crossover_prob: float = 0.9,
        mutation_prob: float | None = None,
        crossover_eta: float = 5.0,
        mutation_eta: float = 5.0,
    ) -> None:
        super().__init__(problem)
        self.population_size = positive_integer("nsga2", "population_size", population_size, 2)
        self.crossover_prob = _within("crossover_prob", crossover_prob, 1.0)
        self.mutation_prob = (
            None if mutation_prob is None else _within("mutation_prob", mutation_prob, 1.0)
        )
        self.crossover_eta = _within("crossover_eta", crossover_eta, 1e3)
        self.mutation_eta = _within("mutation_eta", mutation_eta, 1e3)
        self._genome = Genome(problem.space)
        self._initial = Sobol(problem)
        self._generations = Generations(problem, self._select, self._join)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials; those that are not finished count as taken."""
        trials = list(trials)
        self._initial.observe(trials)
        self._generations.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return a child of good trials that is new and keeps the input constraints."""
        parents = self._generations.state
        if len(parents) >= self.population_size and parents[0].outcome.kind is not Kind.FAILED:
            for _ in range(MAX_DRAWS):
                params = self._genome.express(self._child(parents, rng))
                if self.space.satisfies(params) and not self._generations.is_taken(params):
                    return params
        return self._initial.suggest(rng, number)

    # --- selection ----------------------------------------------------------------------------

    def _join(self, population: tuple[Member, ...], member: Member) -> tuple[Member, ...]:
        return self._select((*population, member))

    def _select(self, members: Sequence[Member]) -> tuple[Member, ...]:
        """Return the best members, sorted by the crowded comparison (section III-B)."""
        feasible = [member for member in members if member.outcome.is_feasible]
        others = [member for member in members if not member.outcome.is_feasible]
        ranked = sorted(others, key=attrgetter("merit"))
        if feasible:
            feasible.sort(key=attrgetter("merit"))  # the result depends on the set alone
            losses = np.array([member.outcome.losses for member in feasible])
            ranked = [feasible[i] for i in _crowded_order(losses)] + ranked
        return tuple(ranked[: self.population_size])

    # --- variation ----------------------------------------------------------------------------

    def _child(self, parents: Sequence[Member], rng: np.random.Generator) -> Floats:
        # The population is sorted, so that of two the one before wins the tournament.
        chosen = np.sort(rng.integers(len(parents), size=(2, 2)), axis=1)[:, 0]
        genes = self._genome.read(np.array([parents[i].vector for i in chosen]), rng)
        child = genes[0]
        if rng.random() < self.crossover_prob:
            child = self._crossed(genes[0], genes[1], rng)
        return self._mutated(child, rng)

    def _crossed(self, first: Floats, second: Floats, rng: np.random.Generator) -> Floats:
        """Cross numbers by simulated binary crossover, and inherit categories from either."""
        size, numbers = self._genome.size, self._genome.n_numbers
        crossed = rng.random(size) < 0.5
        child = np.where(crossed, second, first)
        spread = _spread_factors(rng.random(numbers), self.crossover_eta)
        side = rng.choice([-1.0, 1.0])
        middle = (first[:numbers] + second[:numbers]) / 2
        blend = middle + side * spread * (second[:numbers] - first[:numbers]) / 2
        child[:numbers] = np.where(crossed[:numbers], blend, first[:numbers])
        return np.concatenate([np.clip(child[:numbers], 0.0, 1.0), child[numbers:]])

    def _mutated(self, genes: Floats, rng: np.random.Generator) -> Floats:
        """Mutate numbers polynomially, and draw categories anew."""
        size, numbers = self._genome.size, self._genome.n_numbers
        probability = 1 / max(1, size) if self.mutation_prob is None else self.mutation_prob
        mutated = genes.copy()
        for gene in np.flatnonzero(rng.random(size) < probability).tolist():
            if gene >= numbers:
                mutated[gene] = self._genome.draw(gene, rng)
            else:
                mutated[gene] = _polynomial(mutated[gene], rng.random(), self.mutation_eta)
        return mutated


def _crowded_order(losses: Floats) -> list[int]:
    """Return points by front, and within a front the lonely ones first (definition of <_n)."""
    order: list[int] = []
    for front in nondominated_fronts(losses):
        distances = crowding_distances(losses[front])
        order.extend(front[np.argsort(-distances, kind="stable")].tolist())
    return order


def _spread_factors(u: Floats, eta: float) -> Floats:
    """Return the factors of simulated binary crossover.

    K. Deb and R. B. Agrawal, Simulated binary crossover for continuous search space, Complex
    Systems 9, 1995, eq. (11) and (12).
    """
    near = (2 * u) ** (1 / (eta + 1))
    far = (1 / (2 * (1 - u))) ** (1 / (eta + 1))
    return np.where(u <= 0.5, near, far)


def _polynomial(x: float, u: float, eta: float) -> float:
    """Return a number between 0 and 1 after a polynomial mutation that stays within.

    K. Deb and S. Agrawal, A niched-penalty approach for constraint handling in genetic
    algorithms, 1999, eq. (8): the distances to both bounds shape the distribution.
    """
    power = 1 / (eta + 1)
    if u < 0.5:
        return float(x - 1 + (2 * u + (1 - 2 * u) * (1 - x) ** (eta + 1)) ** power)
    return float(x + 1 - (2 * (1 - u) + (2 * u - 1) * x ** (eta + 1)) ** power)


def _within(parameter: str, value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise AlgorithmError(
            f"algorithm 'nsga2': {parameter} must be between 0 and {most:g}, not {value!r}"
        )
    return float(value)
