"""Populations whose members go on level by level, as the trials tell.

A population has slots, and a trial for each slot on each level of the fidelity. The trial of a slot
goes on from the one below with the same parameters; or it goes on from a better one with other
parameters. Nothing of this is written down, all is read off the trials: the trial that shall fill a
slot is a function of those on the levels below, so that workers that fill the same slot at the
same time make the same trial, of which one is stored. To be such a function, members are given up
only when the whole level has finished; those that will go on whatever comes do so at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import numpy as np

from orion_like.algo.base import Continued, Exhausted, Suggestion, Wait
from orion_like.algo.outcome import Kind, Outcome, judge
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import fidelity_of
from orion_like.algo.sequence import DistinctSequence, point_key
from orion_like.space import Fidelity
from orion_like.trial import Trial

SLOT_STREAM = 3

MAX_DRAWS = 100
"""Draws for parameters that no other slot has, and that keep the input constraints."""

MAX_OFFERED = 64
"""First members among which workers choose by their numbers, so as to rarely choose the same."""


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
    """A trial of a population.

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
        """Whether its slot is to be filled again."""
        return self.outcome is not None and self.outcome.kind is Kind.FAILED

    @property
    def rank(self) -> tuple[Any, ...]:
        """Sorts finished members, best first.

        Ties are broken by the id, a hash, so that neither old nor new trials are preferred.
        """
        return (*(() if self.outcome is None else self.outcome.key), self.id)


class Members:
    """The trials on the levels, to be found by what they are.

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
        self._children: dict[tuple[int, str, str | None], Member] = {}
        self._begun: set[str] = set()
        self._pending: set[str] = set()
        self.founders: dict[str, Member] = {}
        self.corrections = 0  # outcomes that changed

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials. Of those on no level only the parameters count."""
        for trial in trials:
            point = trial.flat_params
            level = self._level_of.get(point.pop(self._name, None))
            key = point_key(point)
            if trial.parent is None:
                self._begun.add(key)
            if level is None:
                continue
            number = -1 if trial.number is None else trial.number
            outcome = judge(trial, self._problem)
            member = Member(trial.id, number, trial.parent, level, point, key, outcome)
            before = self._children.get((level, key, trial.parent))
            self.corrections += before is not None and before.outcome not in (None, outcome)
            self._children[level, key, trial.parent] = member
            if level == 0 and trial.parent is None:
                self.founders[key] = member
            (self._pending.add if outcome is None else self._pending.discard)(trial.id)

    @property
    def some_pending(self) -> bool:
        """Whether any of them has not finished."""
        return bool(self._pending)

    def has_begun(self, key: str) -> bool:
        """Whether there is a trial with these parameters that goes on from no other."""
        return key in self._begun

    def child(self, level: int, key: str, parent: str) -> Member | None:
        """Return the trial on a level that goes on from another one, or None.

        One that a user inserted at that very point stands for it.
        """
        return self._children.get((level, key, parent)) or self._children.get((level, key, None))


@dataclass(frozen=True)
class Verdict:
    """What shall become of the finished members of a level, as far as that can be told.

    Parameters
    ----------
    kept
        Ids of those that go on.
    replaced
        For those that do not, by their ids: from whom their slots are filled.
    pool
        From whom a slot is filled whose trial fails later.
    """

    kept: frozenset[str] = frozenset()
    replaced: Mapping[str, Sequence[Member]] = field(default_factory=dict)
    pool: Sequence[Member] = ()


class Selection(Protocol):
    """Decides which members go on."""

    def __call__(self, levels: Sequence[Sequence[Member]], size: int) -> Verdict:
        """Return what shall become of the members of the last one of some levels.

        Parameters
        ----------
        levels
            The finished members of each level in the order of their slots.
        size
            How many there are on each level when all have finished.
        """
        ...  # pragma: no cover


class Variation(Protocol):
    """Makes parameters for the slots of those that are given up."""

    def __call__(
        self,
        rng: np.random.Generator,
        parent: Member,
        /,
        *,
        levels: Sequence[Sequence[Member]],
        others: Sequence[dict[str, Any]],
        attempt: int,
    ) -> dict[str, Any]:
        """Return other parameters, without the fidelity, for a child of a member.

        Parameters
        ----------
        rng
            Source of randomness.
        parent
            From whom the child goes on.
        levels
            The members of all levels below that of the child.
        others
            Parameters that were chosen for its level.
        attempt
            How many trials of the slot there are on this level.
        """
        ...  # pragma: no cover


@dataclass
class _Level:
    """What is known of a level of a population.

    Parameters
    ----------
    holders
        Trial of each slot; None for slots that are to be filled.
    due
        Trials that may be started.
    """

    holders: list[Member | None]
    due: list[dict[str, Any]]

    @property
    def finished(self) -> list[Member]:
        return [member for member in self.holders if member and member.outcome is not None]

    @property
    def is_complete(self) -> bool:
        return len(self.finished) == len(self.holders)


class Evolution:
    """What is due in populations.

    Parameters
    ----------
    problem
        The space, which has a fidelity, the seed and the objective.
    size
        Slots.
    levels
        Fidelity of each level.
    select
        Decides which members go on.
    vary
        Makes parameters for the slots of the others.
    repetitions
        How many populations there are, one after the other; None is no limit. Default 1.
    max_draws
        Draws for parameters that no other slot has. Default `MAX_DRAWS`.
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
        self._members = Members(problem, levels)
        self._first = DistinctSequence(problem.space, self._draws)
        self._forks: dict[tuple[int, int], _Forks] = {}
        self._done = (0, 0)  # populations that are done, as long as there are so many corrections

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        self._members.observe(trials)

    def suggest(self, number: int) -> Suggestion:
        """Return a trial that is due on the lowest level, or Exhausted when all are there.

        Those that are due at the same time are given to workers by their numbers.
        """
        if self._done[1] != self._members.corrections:
            self._done = (0, self._members.corrections)
        for repetition in count(self._done[0]):
            if repetition == self._repetitions:
                break
            for level in self._population(repetition):
                if level.due:
                    return level.due[number % len(level.due)]
            if None in level.holders or not level.holders:
                break
            if level.is_complete and repetition == self._done[0]:
                self._done = (repetition + 1, self._members.corrections)
        return Wait if self._members.some_pending else Exhausted

    def _population(self, repetition: int) -> Iterator[_Level]:
        """Yield the levels of a population, the lowest first."""
        founders = self._founders(repetition)
        yield founders
        found = [founders.finished]
        complete = founders.is_complete and not founders.due
        below = founders
        for level in range(1, len(self._levels)):
            verdict = self._select(found, self._size if founders.due else len(founders.holders))
            below = self._next(repetition, level, below, found, verdict, complete)
            yield below
            complete = complete and below.is_complete
            found = [*found, below.finished]

    # --- first members --------------------------------------------------------------------------

    def _founders(self, repetition: int) -> _Level:
        """Return the lowest level: draws, and what users inserted there."""
        start, stop = repetition * self._size, (repetition + 1) * self._size
        founders = self._members.founders
        drawn: dict[str, None] = {}
        free: list[dict[str, Any]] = []
        n_failed = sum(member.failed for member in founders.values())
        missing = stop - len(founders) + n_failed
        # A draw that was ever due is among so many, and those that users' trials have taken.
        n_draws, place = stop + n_failed, 0
        while place < n_draws and (point := self._first.point(place)) is not None:
            place += 1
            whole = dict(sorted({**point, self._name: self._levels[0]}.items()))
            key = point_key({name: v for name, v in point.items() if name != self._name})
            if key in founders:
                drawn[key] = None
            elif self._members.has_begun(key):
                n_draws += 1
            elif len(free) < min(missing, MAX_OFFERED):
                free.append(whole)
        holders = [member for member in self._in_order(drawn) if not member.failed]
        return _Level(list(holders[start:stop]), free)

    def _in_order(self, drawn: Mapping[str, None]) -> list[Member]:
        """Return the first members: those drawn, and users' after the ones with lower numbers."""
        founders = self._members.founders
        ordered = [founders[key] for key in drawn]
        inserted = [member for key, member in founders.items() if key not in drawn]
        for member in sorted(inserted, key=lambda member: (-member.number, member.id)):
            earlier = [k for k, other in enumerate(ordered) if other.number < member.number]
            ordered.insert(max(earlier, default=-1) + 1, member)
        return ordered

    def _draws(self, place: int) -> Iterator[dict[str, Any]]:
        rng = np.random.default_rng([self._problem.seed, SLOT_STREAM, place])
        return (self._space.sample(rng) for _ in count())

    # --- the others -----------------------------------------------------------------------------

    def _next(
        self,
        repetition: int,
        level: int,
        below: _Level,
        found: Sequence[Sequence[Member]],
        verdict: Verdict,
        complete: bool,
    ) -> _Level:
        """Return a level, given those below."""
        forks = None
        if complete:
            state = tuple((member.id, member.outcome) for members in found for member in members)
            forks = self._forks.get((repetition, level))
            if forks is None or forks.state != state:
                forks = _Forks(state, found, verdict)
                self._forks[repetition, level] = forks
        holders: list[Member | None] = []
        due: list[dict[str, Any]] = []
        for slot, member in enumerate(below.holders):
            holder, child = self._holder(level, slot, member, verdict, forks)
            holders.append(holder)
            if child is not None:
                due.append(child)
        return _Level(holders, due)

    def _holder(
        self, level: int, slot: int, member: Member | None, verdict: Verdict, forks: _Forks | None
    ) -> tuple[Member | None, Continued | None]:
        """Return the trial of a slot, or the one that is due there."""
        if member is None:
            return None, None
        for attempt in count(1):
            if attempt == 1 and member.id in verdict.kept:
                child: Continued | None = self._continued(level, member)
            else:
                child = None if forks is None else self._fork(level, slot, attempt, forks)
            if child is None:
                return None, None
            key = point_key({name: v for name, v in child.items() if name != self._name})
            there = self._members.child(level, key, child.parent)
            if there is None:
                return None, child
            if not there.failed:
                return there, None
        raise AssertionError  # pragma: no cover - the count has no end

    def _fork(self, level: int, slot: int, attempt: int, forks: _Forks) -> Continued | None:
        """Return the child that an attempt gives a slot; None if no new parameters are found.

        All slots get theirs one after the other, so that no two have the same.
        """
        while len(forks.attempts) < attempt:
            forks.attempts.append([])
            current = len(forks.attempts)
            for place, member in enumerate(forks.levels[-1]):
                pool = forks.verdict.replaced.get(member.id)
                if pool is None and current > 1:
                    pool = forks.verdict.pool
                child = None if pool is None else self._vary_one(level, place, current, pool, forks)
                forks.attempts[-1].append(child)
        return forks.attempts[attempt - 1][slot]

    def _vary_one(
        self, level: int, slot: int, attempt: int, pool: Sequence[Member], forks: _Forks
    ) -> Continued | None:
        member = forks.levels[-1][slot]
        if not forks.others:
            kept = [m for m in forks.levels[-1] if m.id in forks.verdict.kept]
            forks.others += [self._continued(level, each) for each in kept]
        stream = int.from_bytes(hashlib.blake2b(member.id.encode(), digest_size=8).digest(), "big")
        rng = np.random.default_rng([self._problem.seed, SLOT_STREAM, level, attempt, stream])
        parameters = {point_key(child) for child in forks.others}
        children = {(point_key(child), child.parent) for child in forks.others}
        found: Continued | None = None
        for _ in range(self._max_draws):
            parent = pool[int(rng.integers(len(pool)))]
            values = self._vary(
                rng, parent, levels=forks.levels, others=forks.others, attempt=attempt
            )
            child = self._at(level, values, parent)
            if point_key(values) == parent.key or not self._space.satisfies(child):
                continue
            if point_key(child) not in parameters:
                found = child
                break
            if (point_key(child), parent.id) not in children:
                found = found or child  # parameters that another member has there
        if found is None and attempt == 1:
            found = self._continued(level, member)
        if found is not None:
            forks.others.append(found)
        return found

    def _continued(self, level: int, member: Member) -> Continued:
        return self._at(level, member.point, member)

    def _at(self, level: int, values: dict[str, Any], parent: Member) -> Continued:
        params = dict(sorted({**values, self._name: self._levels[level]}.items()))
        return Continued(params, parent.id)


@dataclass
class _Forks:
    """The children that the slots of a level get in place of those that are given up.

    Parameters
    ----------
    state
        The trials of which they are a function, with their outcomes.
    levels
        The members of the levels below, all finished.
    verdict
        Who goes on.
    attempts
        For each attempt the child of each slot, None where there is none.
    others
        What was chosen for the level so far.
    """

    state: tuple[Any, ...]
    levels: Sequence[Sequence[Member]]
    verdict: Verdict
    attempts: list[list[Continued | None]] = field(default_factory=list)
    others: list[Continued] = field(default_factory=list)
