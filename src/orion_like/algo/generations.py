"""What evolves with the trials: a state that is folded over them in the order of their numbers.

Evolutionary methods change their state with every generation. Here the state is a function of
the *set* of finished trials: they are taken in one by one in the order of their numbers,
whenever they finished, and trials that are still running are as if they were not there. So no
generation ever waits for a slow trial. States are kept at many borders; when a trial is late or
corrected, the state goes back to the last border before it and takes in again what follows.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.history import below_highest_fidelity
from orion_like.algo.outcome import Outcome, judge
from orion_like.algo.problem import Problem
from orion_like.algo.sequence import point_key
from orion_like.trial import Trial

Floats = NDArray[np.float64]
Order: TypeAlias = "tuple[int, str]"
State = TypeVar("State")

RECENT = 64
"""States kept of the latest trials: most trials that are late are late by less."""

SPACING = 1.25
"""Factor by which states further back are apart, counted from the latest trial."""


@dataclass(frozen=True)
class Member:
    """A finished trial.

    Parameters
    ----------
    number
        Its number; -1 for trials that a user inserted.
    id
        Its id.
    vector
        Its point in the encoding of the space with category indices.
    outcome
        What came of it.
    """

    number: int
    id: str
    vector: Floats
    outcome: Outcome

    @property
    def merit(self) -> tuple[Any, ...]:
        """Sorts members by their outcomes, best first.

        Ties are broken by the id, a hash, so that neither old nor new trials are preferred.
        """
        return (*self.outcome.key, self.id)


class Generations(Generic[State]):
    """A state that depends on the finished trials, kept up to date at a bounded cost.

    Parameters
    ----------
    problem
        The space, objectives and constraints.
    found
        Returns the first state, given the founders: trials that a user inserted, and those
        before number `start`, in the order of their numbers.
    advance
        Returns the state after one more trial. It must not change the state it is given.
    start
        Number of the first trial that is no founder. Default 0.
    """

    def __init__(
        self,
        problem: Problem,
        found: Callable[[Sequence[Member]], State],
        advance: Callable[[State, Member], State],
        start: int = 0,
    ) -> None:
        self._problem = problem
        self._encoding = problem.space.encoding()
        self._found = found
        self._advance = advance
        self._start = start
        self._members: dict[str, Member] = {}
        self._founders: list[Order] = []
        self._followers: list[Order] = []
        self._taken: set[str] = set()
        self._states: list[tuple[int, State]] = []  # after so many followers, in rising order

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials, in any order."""
        relevant = {
            trial.id: trial
            for trial in trials
            if not below_highest_fidelity(trial, self._problem.space)
        }
        outcomes = {id_: judge(trial, self._problem) for id_, trial in relevant.items()}
        self._taken.update(point_key(trial.flat_params) for trial in relevant.values())
        changed = [id_ for id_, outcome in outcomes.items() if outcome != self._outcome(id_)]
        vectors = self._encoding.encode_many(relevant[id_].flat_params for id_ in changed)
        for id_, vector in zip(changed, vectors, strict=True):
            self._remove(id_)
            outcome = outcomes[id_]
            if outcome is not None:
                number = relevant[id_].number
                self._insert(Member(-1 if number is None else number, id_, vector, outcome))

    def is_taken(self, params: dict[str, Any]) -> bool:
        """Whether a trial has exactly this point."""
        return point_key(params) in self._taken

    @property
    def state(self) -> State:
        """The state after all finished trials."""
        if not self._states:
            self._states.append((0, self._found([self._members[id_] for _, id_ in self._founders])))
        position, state = self._states[-1]
        for _, id_ in self._followers[position:]:
            state = self._advance(state, self._members[id_])
            position += 1
            self._states.append((position, state))
            if len(self._states) > 2 * RECENT:
                self._thin_out()
        return state

    def _outcome(self, id_: str) -> Outcome | None:
        member = self._members.get(id_)
        return None if member is None else member.outcome

    def _remove(self, id_: str) -> None:
        member = self._members.pop(id_, None)
        if member is not None:
            order = (member.number, id_)
            group = self._group(member)
            self._go_back(order)
            del group[bisect_left(group, order)]

    def _insert(self, member: Member) -> None:
        order = (member.number, member.id)
        self._members[member.id] = member
        self._go_back(order)
        insort(self._group(member), order)

    def _group(self, member: Member) -> list[Order]:
        return self._followers if member.number >= self._start else self._founders

    def _go_back(self, order: Order) -> None:
        """Forget the states after a trial that is about to change."""
        if order[0] < self._start:
            self._states.clear()
            return
        position = bisect_left(self._followers, order)
        while self._states and self._states[-1][0] > position:
            self._states.pop()

    def _thin_out(self) -> None:
        last = self._states[-1][0]
        kept = self._states[-RECENT:]
        older = self._states[1:-RECENT]
        distance = last - kept[0][0]
        spread = []
        for position, state in reversed(older):
            if last - position >= SPACING * distance:
                distance = last - position
                spread.append((position, state))
        self._states = [self._states[0], *reversed(spread), *kept]
