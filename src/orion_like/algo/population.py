"""Populations whose members go on level by level, as the trials tell.

A member is a trial on a level of the fidelity. Its successor on the next level goes on from it with
the same parameters, or it is replaced: by a trial that goes on from a better member with other
parameters. Which member was replaced by whom is nowhere written down. Only counts matter: a level
gets as many members as have finished on the level below; those that shall go on do so, and the
other places are for replacements. So all of it is read off the trials. A place that two workers
fill at the same time gets the same trial from both, as its randomness is that of the place, and
of that trial one is stored.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any, Protocol

import numpy as np

from orion_like.algo.base import Continued, Exhausted, Suggestion, Wait
from orion_like.algo.outcome import Kind, Outcome, judge
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import NewConfigurations, fidelity_of
from orion_like.algo.sequence import point_key
from orion_like.space import Fidelity
from orion_like.trial import Trial

PLACE_STREAM = 3

MAX_DRAWS = 100
"""Draws for new parameters that no trial has, and that keep the input constraints."""


def population_levels(fidelity: Fidelity, generations: int) -> tuple[int, ...]:
    """Return the fidelities of the first trials and of each generation, with both ends.

    They are evenly spaced, on a logarithmic scale unless the base is 1, and rounded to whole
    numbers. Those that would be the same are one, so that there may be fewer generations.

    Parameters
    ----------
    fidelity
        The fidelity dimension.
    generations
        Levels above the lowest one.

    Examples
    --------
    >>> population_levels(Fidelity("epochs", 1, 100, base=1), 4)
    (1, 26, 50, 75, 100)
    >>> population_levels(Fidelity("epochs", 1, 100, base=4), 4)
    (1, 3, 10, 32, 100)
    >>> population_levels(Fidelity("epochs", 1, 4, base=1), 10)
    (1, 2, 3, 4)
    """
    low, high = fidelity.low, fidelity.high
    if low == high:
        return (high,)
    spaced = np.linspace if fidelity.base == 1 else np.geomspace
    levels = np.rint(spaced(low, high, generations + 1)).astype(int).tolist()
    return tuple(sorted({low, high, *levels}))


@dataclass(frozen=True)
class Member:
    """A trial of the population.

    Parameters
    ----------
    id, number, parent
        Of the trial; the number is -1 if it has none.
    level
        Index of its fidelity among the levels.
    point
        Values of all dimensions but the fidelity.
    key
        The same as a text.
    outcome
        What came of it, None while it is pending.
    """

    id: str
    number: int
    parent: str | None
    level: int
    point: dict[str, Any]
    key: str
    outcome: Outcome | None

    @property
    def failed(self) -> bool:
        """Whether it will be replaced on its level."""
        return self.outcome is not None and self.outcome.kind is Kind.FAILED

    @property
    def rank(self) -> tuple[Any, ...]:
        """Sorts finished members, best first."""
        return (*(self.outcome or _PENDING).key, self.number, self.id)


_PENDING = Outcome(Kind.FAILED)


class Population:
    """The members on each level, kept up to date trial by trial.

    Parameters
    ----------
    problem
        The space, which has a fidelity, and the objective.
    levels
        Fidelity of each level.
    """

    def __init__(self, problem: Problem, levels: tuple[int, ...]) -> None:
        self._problem = problem
        self._name = fidelity_of(problem).name
        self._level_of = {value: level for level, value in enumerate(levels)}
        self.members: list[dict[str, Member]] = [{} for _ in levels]
        self._ranked: list[list[tuple[tuple[Any, ...], str]]] = [[] for _ in levels]
        self._orphans: list[dict[str, Member]] = [{} for _ in levels]
        self._born: set[tuple[str, str | None]] = set()
        self._taken: set[str] = set()

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials. Those on no level are left out."""
        for trial in trials:
            point = trial.flat_params
            whole = point_key(point)
            self._taken.add(whole)
            self._born.add((whole, trial.parent))
            level = self._level_of.get(point.pop(self._name, None))
            if level is None:
                continue
            number = -1 if trial.number is None else trial.number
            outcome = judge(trial, self._problem)
            key = point_key(point)
            member = Member(trial.id, number, trial.parent, level, point, key, outcome)
            if level and member.parent is None:  # inserted by a user
                self._orphans[level][key] = member
            else:
                self._settle(member)

    def _settle(self, member: Member) -> None:
        members, ranked = self.members[member.level], self._ranked[member.level]
        before = members.get(member.id)
        if before is not None and before.outcome is not None:
            entry = (before.rank, before.id)
            place = bisect_left(ranked, entry)
            if ranked[place : place + 1] == [entry]:
                del ranked[place]
        members[member.id] = member
        if member.outcome is not None and not member.failed:
            insort(ranked, (member.rank, member.id))

    def finished(self, level: int) -> list[Member]:
        """Return the members of a level that finished without failing, best first."""
        members = self.members[level]
        return [members[id_] for _, id_ in self._ranked[level]]

    def best_up_to(self, level: int) -> Iterator[Member]:
        """Yield the members that finished on a level or on one below, best first."""
        for _, id_ in merge(*self._ranked[: level + 1]):
            yield next(m[id_] for m in self.members[: level + 1] if id_ in m)

    def started(self, level: int) -> list[Member]:
        """Return the members of a level that have not failed.

        A trial without parent at which a member of the level below would go on takes its place.
        """
        members = list(self.members[level].values())
        orphans = self._orphans[level]
        if orphans:
            members += [
                orphans[member.key]
                for member in self.members[level - 1].values()
                if member.key in orphans
            ]
        return [member for member in members if not member.failed]

    def is_pending_up_to(self, level: int) -> bool:
        """Whether members of a level, or of one below, are pending."""
        return any(
            m.outcome is None for members in self.members[: level + 1] for m in members.values()
        )

    def is_continued(self, member: Member, fidelity: int) -> bool:
        """Whether a member has gone on at a fidelity with the same parameters."""
        whole = point_key({**member.point, self._name: fidelity})
        return (whole, member.id) in self._born or (whole, None) in self._born

    def is_taken(self, point: dict[str, Any]) -> bool:
        """Whether any trial has these values."""
        return point_key(point) in self._taken

    def is_born(self, point: dict[str, Any], parent: str) -> bool:
        """Whether a child of a trial has these values."""
        return (point_key(point), parent) in self._born


@dataclass(frozen=True)
class Verdict:
    """What shall become of the finished members of a level.

    Parameters
    ----------
    kept
        Those that shall go on, in any order.
    replaced
        Those that shall not, the worst first, and from whom their places shall be filled.
    """

    kept: Sequence[Member] = ()
    replaced: Sequence[tuple[Member, Sequence[Member]]] = ()


class Selection(Protocol):
    """Decides which members go on."""

    def __call__(self, population: Population, level: int, is_complete: bool) -> Verdict:
        """Return what shall become of the members of a level as far as that can be told.

        Parameters
        ----------
        population
            All members.
        level
            The level.
        is_complete
            Whether no more members will come to it.
        """
        ...  # pragma: no cover


Variation = Callable[[np.random.Generator, Member, int], dict[str, Any]]
"""Returns other parameters, without the fidelity, for a child of a member on a level."""


class Evolution:
    """What is due in a population.

    Parameters
    ----------
    problem
        The space, which has a fidelity, the seed and the objective.
    size
        Members on each level.
    levels
        Fidelity of each level.
    select
        Decides which members go on.
    vary
        Makes parameters for replacements.
    repetitions
        How many populations there are, one after the other; None is no limit. Default 1.
    max_draws
        Draws for parameters that no trial has. Default `MAX_DRAWS`.
    """

    def __init__(
        self,
        problem: Problem,
        size: int,
        levels: tuple[int, ...],
        select: Selection,
        vary: Variation,
        repetitions: int | None = 1,
        max_draws: int = MAX_DRAWS,
    ) -> None:
        self._problem = problem
        self._space = problem.space
        self._name = fidelity_of(problem).name
        self._size = size
        self._levels = levels
        self._select = select
        self._vary = vary
        self._repetitions = repetitions
        self._max_draws = max_draws
        self._new = NewConfigurations(problem)
        self.population = Population(problem, levels)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        trials = list(trials)
        self._new.observe(trials)
        self.population.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return what is due on the lowest level, or Exhausted when the last one is full."""
        top = len(self._levels) - 1
        repetition = 1 + len(self.population.started(top)) // self._size
        size = self._size * min(repetition, self._repetitions or repetition)
        founder = self._founder(rng, number, size)
        if founder is not None:
            return founder
        for level in range(1, top + 1):
            child = self._child(level, size)
            if child is not None:
                return child
        return Wait if self.population.is_pending_up_to(top) else Exhausted

    def _founder(self, rng: np.random.Generator, number: int, size: int) -> dict[str, Any] | None:
        if len(self.population.started(0)) >= size:
            return None
        for _ in range(MAX_DRAWS):
            point = self._new.draw(rng, number, self._levels[0])
            if not isinstance(point, dict):
                return None
            if not self.population.is_taken(point):
                return point
        return None

    def _child(self, level: int, size: int) -> Continued | None:
        """Return the next trial that is due on a level."""
        population = self.population
        below = level - 1
        verdict = self._select(population, below, not population.is_pending_up_to(below))
        n_decided = len(verdict.kept) + len(verdict.replaced)
        started = population.started(level)
        if len(started) >= min(size, n_decided):
            return None
        fidelity = self._levels[level]
        for member in sorted(verdict.kept, key=lambda member: member.number):
            if not population.is_continued(member, fidelity):
                return self._continued(member, fidelity)
        return self._replacement(level, verdict, started)

    def _replacement(
        self, level: int, verdict: Verdict, started: Sequence[Member]
    ) -> Continued | None:
        fidelity = self._levels[level]
        dropped = [
            each for each in verdict.replaced if not self.population.is_continued(each[0], fidelity)
        ]
        n_filled = len(started) - (len(verdict.kept) + len(verdict.replaced) - len(dropped))
        member, pool = (
            dropped[min(max(n_filled, 0), len(dropped) - 1)]
            if dropped
            else (verdict.replaced or [(verdict.kept[-1], verdict.kept)])[0]
        )
        # A place that a failed trial had is drawn for anew.
        place = len(self.population.members[level])
        rng = np.random.default_rng([self._problem.seed, PLACE_STREAM, level, place])
        again: Continued | None = None
        for _ in range(self._max_draws):
            parent = pool[int(rng.integers(len(pool)))]
            values = self._vary(rng, parent, level)
            child = Continued(dict(sorted({**values, self._name: fidelity}.items())), parent.id)
            if not self._space.satisfies(child) or point_key(values) == parent.key:
                continue
            if not self.population.is_taken(child):
                return child
            if again is None and not self.population.is_born(child, parent.id):
                again = child  # parameters that another member has there
        if again is None and dropped:
            return self._continued(member, fidelity)
        return again

    def _continued(self, member: Member, fidelity: int) -> Continued:
        params = dict(sorted({**member.point, self._name: fidelity}.items()))
        return Continued(params, member.id)
