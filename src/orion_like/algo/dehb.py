"""Differential evolution and Hyperband (DEHB).

N. Awad, N. Mallik and F. Hutter, DEHB: evolutionary Hyperband for scalable, robust and efficient
hyperparameter optimization, IJCAI 2021 (arXiv 2105.09821). Each fidelity has a subpopulation that
evolves by differential evolution; Hyperband decides which of them is evolved when, and parents come
from the best of the subpopulation one fidelity below (their section 4).

The number of a trial determines its place: bracket, rung, and the slot of the subpopulation that
it challenges. It takes that slot if it is at least as good. So nothing is stored, nobody waits, and
there are as many trials on each rung as Hyperband has, for any number of workers.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import (
    Algorithm,
    Exhausted,
    Requirements,
    Suggestion,
    Wait,
    positive_integer,
)
from orion_like.algo.explore import within
from orion_like.algo.genome import Genome
from orion_like.algo.hyperband import bracket_sizes
from orion_like.algo.outcome import Kind, judge
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import (
    Configuration,
    NewConfigurations,
    Rungs,
    fidelity_of,
    rung_fidelities,
)
from orion_like.algo.sequence import point_key
from orion_like.errors import AlgorithmError
from orion_like.spelling import did_you_mean
from orion_like.trial import Trial

Floats = NDArray[np.float64]

MUTATIONS = ("rand1", "rand2", "best1", "best2", "randtobest1", "currenttobest1")
CROSSOVERS = ("bin", "exp")
BOUNDARY_FIXES = ("random", "clip")

MAX_DRAWS = 100
"""Challengers made until one is new and keeps the input constraints."""

MOST_PARENTS = 6
"""Members that any mutation needs: five to start from and to differ, and the target."""


@dataclass(frozen=True)
class Job:
    """What a trial is for.

    Parameters
    ----------
    rung
        Its rung.
    slot
        Slot of the subpopulation there that it challenges.
    is_lowest
        Whether it is the lowest rung of its bracket.
    is_first
        Whether it is in the first bracket of all, which is plain successive halving.
    """

    rung: int
    slot: int
    is_lowest: bool
    is_first: bool


class DEHB(Algorithm):
    """Evolve a population on each fidelity, with parents from the fidelity below.

    Parameters
    ----------
    problem
        The space, which must have a fidelity, the seed and the objective.
    mutation_factor
        Factor of differences between parents. Default 0.5.
    crossover_prob
        Probability by which a parameter is that of the mutant. Default 0.5.
    mutation_strategy
        One of rand1, rand2, best1, best2, randtobest1 and currenttobest1. Default ``'rand1'``.
    crossover_strategy
        ``'bin'`` (each parameter by itself) or ``'exp'`` (a run of them). Default ``'bin'``.
    boundary_fix_type
        What becomes of numbers beyond a bound: ``'random'`` draws them anew, ``'clip'`` puts them
        on the bound. Default ``'random'``.
    min_clip, max_clip
        Least and most configurations on a rung of a bracket. Default None, as many as Hyperband
        has.

    Raises
    ------
    AlgorithmError
        If a parameter is invalid, or the base of the fidelity is below 2.
    """

    name: ClassVar[str] = "dehb"
    requires = Requirements(fidelity=True, max_objectives=1)

    def __init__(
        self,
        problem: Problem,
        mutation_factor: float = 0.5,
        crossover_prob: float = 0.5,
        mutation_strategy: str = "rand1",
        crossover_strategy: str = "bin",
        boundary_fix_type: str = "random",
        min_clip: int | None = None,
        max_clip: int | None = None,
    ) -> None:
        super().__init__(problem)
        self.mutation_factor = within("dehb", "mutation_factor", mutation_factor, 0.0, 2.0)
        self.crossover_prob = within("dehb", "crossover_prob", crossover_prob, 0.0, 1.0)
        self.mutation_strategy = _one_of("mutation_strategy", mutation_strategy, MUTATIONS)
        self.crossover_strategy = _one_of("crossover_strategy", crossover_strategy, CROSSOVERS)
        self.boundary_fix_type = _one_of("boundary_fix_type", boundary_fix_type, BOUNDARY_FIXES)
        for parameter, value in (("min_clip", min_clip), ("max_clip", max_clip)):
            if value is not None:
                positive_integer("dehb", parameter, value)
        if min_clip is not None and max_clip is not None and min_clip > max_clip:
            raise AlgorithmError(
                f"algorithm 'dehb': min_clip {min_clip} is above max_clip {max_clip}"
            )
        self.min_clip, self.max_clip = min_clip, max_clip
        fidelity = fidelity_of(problem)
        self._fidelity = fidelity.name
        self.fidelities = rung_fidelities(fidelity)
        self.sizes = [
            [min(max(size, min_clip or 1), max_clip or size) for size in sizes]
            for sizes in bracket_sizes(len(self.fidelities), fidelity.base)
        ]
        # A subpopulation is as large as the bracket that starts on its rung.
        self._slots = [sizes[0] for sizes in self.sizes]
        self._genome = Genome(problem.space)
        self._encoding = problem.space.encoding()
        self._new = NewConfigurations(problem)
        self._rungs = Rungs(problem, self.fidelities)
        self._taken: set[str] = set()
        self._challengers: list[list[list[_Challenger]]] = [
            [[] for _ in range(n_slots)] for n_slots in self._slots
        ]
        self._known: dict[str, tuple[int, int, _Challenger]] = {}

    # --- what the trials tell -------------------------------------------------------------------

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all rungs."""
        trials = list(trials)
        self._new.observe(trials)
        self._rungs.observe(trials)
        for trial in trials:
            point = trial.flat_params
            fidelity = point.pop(self._fidelity, None)
            self._taken.add(point_key(point))
            if fidelity in self.fidelities:
                self._rank(trial, self.fidelities.index(fidelity), point)

    def _rank(self, trial: Trial, rung: int, point: dict[str, Any]) -> None:
        """Put a trial among those that have challenged its slot, best first."""
        if trial.id in self._known:
            *place, before = self._known.pop(trial.id)
            challengers = self._challengers[place[0]][place[1]]
            del challengers[bisect_left(challengers, before)]
        outcome = judge(trial, self.problem)
        if outcome is None or outcome.kind is Kind.FAILED:
            return
        number = -1 if trial.number is None else trial.number
        job = self.job(max(number, 0))
        slot = job.slot if job.rung == rung else number % self._slots[rung]
        # Of equals, the later one holds the slot.
        challenger = _Challenger((*outcome.key, -number, trial.id), point)
        self._known[trial.id] = (rung, slot, challenger)
        insort(self._challengers[rung][slot], challenger)

    def job(self, number: int) -> Job:
        """Return what the trial of a number is for."""
        period = sum(map(sum, self.sizes))
        iteration, left = divmod(number, period)
        for bracket, sizes in enumerate(self.sizes):
            for rung, size in enumerate(sizes, bracket):
                if left < size:
                    # Later iterations challenge other slots of higher rungs.
                    slot = (left + iteration * size) % self._slots[rung]
                    is_first = iteration == bracket == 0
                    return Job(rung, slot, rung == bracket, is_first)
                left -= size
        raise AssertionError  # pragma: no cover - the sizes sum up to the period

    def _subpopulation(self, rung: int) -> list[_Challenger]:
        """Return who holds the slots of a rung, best first."""
        return sorted(challengers[0] for challengers in self._challengers[rung] if challengers)

    # --- suggestions ----------------------------------------------------------------------------

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the challenger of a slot; in the first bracket, a draw or a promotion."""
        job = self.job(number)
        if job.is_first:
            promotion = None if job.is_lowest else self._promotion(job.rung)
            if promotion is not None:
                return promotion
        if not job.is_first or not job.is_lowest:
            challenger = self._challenger(job, rng)
            if challenger is not None:
                return challenger
        point = self._new.draw(rng, number, self.fidelities[job.rung])
        if point is not Exhausted:
            return point
        promotion = self._promotion(job.rung)
        return promotion or (Wait if self._rungs.n_pending else Exhausted)

    def _promotion(self, rung: int) -> dict[str, Any] | None:
        """Return the best configuration of the rung below that is on no higher one."""
        below = rung - 1
        best: Configuration | None = min(
            (c for c in self._rungs.configurations.values() if c.is_promotable(below)),
            key=lambda configuration: configuration.rank(below) or (),
            default=None,
        )
        if best is None:
            return None
        return best.continued(below, self._fidelity, self.fidelities[rung])

    def _challenger(self, job: Job, rng: np.random.Generator) -> dict[str, Any] | None:
        own = self._subpopulation(job.rung)
        lower = self._subpopulation(job.rung - 1) if job.rung else []
        parents = own if job.is_lowest else lower[: self._n_parents(job)]
        others = [
            member for rung in range(len(self.fidelities)) for member in self._subpopulation(rung)
        ]
        if len(others) < MOST_PARENTS:
            return None
        holder = self._challengers[job.rung][job.slot]
        for _ in range(MAX_DRAWS):
            pool = self._enlarged(parents, others, rng)
            target = holder[0] if holder else pool[int(rng.integers(len(pool)))]
            genes = self._offspring(target, pool, rng)
            params = self._genome.express(genes)
            params[self._fidelity] = self.fidelities[job.rung]
            key = point_key({n: v for n, v in params.items() if n != self._fidelity})
            if key not in self._taken and self.space.satisfies(params):
                return dict(sorted(params.items()))
        return None

    def _n_parents(self, job: Job) -> int:
        """Return how many of the rung below Hyperband would promote."""
        return max(1, int(self._slots[job.rung - 1] / fidelity_of(self.problem).base))

    def _enlarged(
        self,
        parents: Sequence[_Challenger],
        others: Sequence[_Challenger],
        rng: np.random.Generator,
    ) -> list[_Challenger]:
        """Return parents, with members of any subpopulation if there are too few of them."""
        missing = MOST_PARENTS - len(parents)
        if missing <= 0:
            return list(parents)
        chosen = rng.permutation(len(others))[:missing].tolist()
        return [*parents, *(others[place] for place in chosen)]

    def _offspring(
        self, target: _Challenger, pool: Sequence[_Challenger], rng: np.random.Generator
    ) -> Floats:
        order = rng.permutation(len(pool)).tolist()[:5]
        best = min(pool)
        group = [target, best, *(pool[place] for place in order)]
        fidelity = {self._fidelity: self.fidelities[-1]}
        vectors = self._encoding.encode_many([{**member.point, **fidelity} for member in group])
        x, b, *r = self._genome.read(vectors, rng)
        mutant = self._mutant(x, b, r, rng)
        return np.where(self._crossed(rng), mutant, x)

    def _mutant(
        self, x: Floats, b: Floats, r: Sequence[Floats], rng: np.random.Generator
    ) -> Floats:
        """Return a base plus scaled differences; of categories, those by which parents differ."""
        base, differences = {
            "rand1": (r[0], [(r[1], r[2])]),
            "rand2": (r[0], [(r[1], r[2]), (r[3], r[4])]),
            "best1": (b, [(r[0], r[1])]),
            "best2": (b, [(r[0], r[1]), (r[2], r[3])]),
            "randtobest1": (r[0], [(b, r[0]), (r[1], r[2])]),
            "currenttobest1": (x, [(b, x), (r[0], r[1])]),
        }[self.mutation_strategy]
        mutant = base + self.mutation_factor * sum(one - other for one, other in differences)
        outside = (mutant < 0) | (mutant > 1)
        fixed = np.clip(mutant, 0.0, 1.0)
        if self.boundary_fix_type == "random":
            fixed = np.where(outside, rng.random(len(mutant)), mutant)
        category = base.copy()
        for one, other in differences:
            taken = (one != other) & (rng.random(len(base)) < self.mutation_factor)
            category = np.where(taken, one, category)
        numbers = self._genome.n_numbers
        return np.concatenate([fixed[:numbers], category[numbers:]])

    def _crossed(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return which genes are the mutant's, at least one."""
        size = self._genome.size
        crossed = rng.random(size) < self.crossover_prob
        if not size:
            return crossed
        start = int(rng.integers(size))
        if self.crossover_strategy == "exp":
            length = size if crossed.all() else int(np.argmin(crossed))
            crossed = np.zeros(size, dtype=bool)
            crossed[(start + np.arange(max(1, length))) % size] = True
        crossed[start] = True
        return crossed


@dataclass(frozen=True, order=True)
class _Challenger:
    """A finished trial, as it is sorted."""

    rank: tuple[Any, ...]
    point: dict[str, Any] = field(compare=False)


def _one_of(parameter: str, value: Any, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise AlgorithmError(
            f"algorithm 'dehb': {parameter} must be one of {', '.join(allowed)}, not {value!r}"
            f"{did_you_mean(str(value), allowed)}"
        )
    return str(value)
