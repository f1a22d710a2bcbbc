"""Optimizers that keep a state of their own, as functions of the trials.

What such an optimizer suggests depends on the order in which it is asked and told. So that
any number of workers agree, there is one order: that of the numbers. The optimizer is asked
for each number in turn and told at once what is known of that trial. If it suggests what the
trial has, it goes on as if it had run alone; if not (a user gave the trial, or it was
suggested before others had finished), its own suggestion is taken back, and it is told of
the trial as of one from elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

from orion_like.algo.base import Exhausted, Signal, Suggestion, Wait
from orion_like.algo.outcome import Outcome, judge
from orion_like.algo.problem import Problem
from orion_like.algo.sequence import DistinctSequence, first_free, point_key
from orion_like.trial import Trial

MAX_ASKS = 5
"""Suggestions in a row that are taken or break a constraint, before the point is drawn."""

MAX_GAPS = 64
"""How far back numbers without a trial yet are looked for, whose points others will take."""

N_RECENT = 16
"""Latest states that are kept; of older ones, fewer the older they are."""


SPACING = 128
"""Distance of older states that are kept, in trials."""


@dataclass(frozen=True)
class Asked:
    """A suggestion: its point, and what the optimizer knows it by."""

    params: dict[str, Any]
    token: Any = None


class Optimizer(Protocol):
    """An optimizer with a state, of which `copy.deepcopy` makes an independent copy."""

    minds_unused: bool
    """Whether suggestions that never become trials are to be taken back."""

    def seed(self, seed: int) -> None:
        """Start all randomness anew."""

    def ask(self) -> Asked | Signal:
        """Return the next suggestion; Wait without one, Exhausted if there will be none."""

    def tell(self, trial: Trial, outcome: Outcome | None, token: Any) -> None:
        """Take in a trial; the token is None if it is not the optimizer's own suggestion."""


@dataclass(frozen=True)
class _Ahead:
    """The last suggestion, and the state that it comes from and leads to."""

    before: Optimizer
    number: int
    asked: Asked
    after: Optimizer


class Replay:
    """Suggestions of an optimizer that has been shown the trials in order of their numbers.

    Points that the optimizer cannot find, because those it suggests are taken or break a
    constraint of the space, are drawn from the priors.

    Parameters
    ----------
    problem
        The space and the seed.
    create
        Makes a fresh optimizer.
    """

    def __init__(self, problem: Problem, create: Callable[[], Optimizer]) -> None:
        self._problem = problem
        self._create = create
        self._trials: dict[str, Trial] = {}
        self._order: list[tuple[int, str]] = []
        self._numbers: set[int] = set()
        self._taken: dict[str, tuple[int, str]] = {}  # by which trial, the first in order
        self._states: list[tuple[int, Optimizer]] = []  # after so many trials
        self._ahead: _Ahead | None = None
        self._draws = DistinctSequence(problem.space, self._samples)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        for trial in trials:
            id_, number = trial.id, -1 if trial.number is None else trial.number
            known = self._trials.get(id_)
            if known is None:
                insort(self._order, (number, id_))
                self._numbers.add(number)
                key = point_key(trial.flat_params)
                self._taken[key] = min(self._taken.get(key, (number, id_)), (number, id_))
            elif judge(known, self._problem) == judge(trial, self._problem):
                continue
            self._trials[id_] = trial
            position = bisect_left(self._order, (number, id_))
            while self._states and self._states[-1][0] > position:
                self._states.pop()

    def suggest(self, number: int) -> Suggestion:
        """Return what the optimizer suggests for `number`."""
        now = self._up_to_date()
        optimizer = deepcopy(now)
        gaps = [n for n in range(max(0, number - MAX_GAPS), number) if n not in self._numbers]
        for gap in gaps:
            self._ask(optimizer, gap)
        asked = self._ask(optimizer, number)
        if isinstance(asked, Asked):
            # A trial of this number would come next in order.
            is_next = not gaps and (not self._order or number > self._order[-1][0])
            self._ahead = _Ahead(now, number, asked, optimizer) if is_next else None
            return asked.params
        if asked is Exhausted:
            return Exhausted
        if asked is Wait and any(self._outcome(id_) is None for id_ in self._trials):
            return Wait
        return first_free(self._draws.point, number, self._taken)

    def _samples(self, number: int) -> Iterator[dict[str, Any]]:
        rng = self._problem.stream(number)
        return (self._problem.space.sample(rng) for _ in repeat(None))

    def _outcome(self, id_: str) -> Outcome | None:
        return judge(self._trials[id_], self._problem)

    # --- going through the trials

    def _up_to_date(self) -> Optimizer:
        """Return the state after all trials, and keep those that may be returned to."""
        end = len(self._order)
        position, optimizer = self._states[-1] if self._states else (0, self._create())
        while position < end:
            is_kept = self._keep(position, optimizer, end)
            optimizer = self._step(optimizer, is_kept, *self._order[position])
            position += 1
        self._keep(position, optimizer, end)
        return optimizer

    def _keep(self, position: int, optimizer: Optimizer, end: int) -> bool:
        """Tell whether a state is kept, which must not change any more then."""
        if self._states and self._states[-1][0] == position:
            return True
        if end - position > N_RECENT and position % SPACING:
            return False
        self._states.append((position, optimizer))
        kept: list[tuple[int, Optimizer]] = []
        for state in reversed(self._states):
            age = end - state[0]
            if age <= N_RECENT or not kept or kept[-1][0] - state[0] >= age // 2:
                kept.append(state)
        self._states = kept[::-1]
        return True

    def _step(self, optimizer: Optimizer, is_kept: bool, number: int, id_: str) -> Optimizer:
        """Return the state after one more trial."""
        trial, outcome = self._trials[id_], self._outcome(id_)
        asked = None
        if number >= 0:
            asked, after = self._foreseen(optimizer, number, point_key(trial.flat_params))
            if after is None:
                must_copy = is_kept or optimizer.minds_unused
                after = deepcopy(optimizer) if must_copy else optimizer
                asked = self._ask_for(after, number, id_)
            if asked is not None or not optimizer.minds_unused:
                optimizer, is_kept = after, False
        if is_kept:
            optimizer = deepcopy(optimizer)
        optimizer.tell(trial, outcome, None if asked is None else asked.token)
        return optimizer

    def _foreseen(
        self, optimizer: Optimizer, number: int, wanted: str
    ) -> tuple[Asked | None, Optimizer | None]:
        """Return the last suggestion and the state after it, if it is the wanted one."""
        last, self._ahead = self._ahead, None
        if (
            last is None
            or (last.before, last.number) != (optimizer, number)
            or point_key(last.asked.params) != wanted
        ):
            return None, None
        return last.asked, last.after

    def _ask(self, optimizer: Optimizer, number: int) -> Asked | Signal | None:
        """Return the first suggestion that can become a trial."""
        for asked in self._asks(optimizer, number):
            if isinstance(asked, Signal):
                return asked
            satisfies = self._problem.space.satisfies(asked.params)
            if satisfies and point_key(asked.params) not in self._taken:
                return asked
        return None

    def _ask_for(self, optimizer: Optimizer, number: int, id_: str) -> Asked | None:
        """Return the suggestion for a trial that is there if it is the same point, or None.

        What the trials that come later in order have taken is not known yet.
        """
        wanted = point_key(self._trials[id_].flat_params)
        for asked in self._asks(optimizer, number):
            if isinstance(asked, Signal):
                return None
            key = point_key(asked.params)
            if key == wanted:
                return asked
            is_free = self._taken.get(key, (number, id_)) >= (number, id_)
            if is_free and self._problem.space.satisfies(asked.params):
                return None
        return None

    def _asks(self, optimizer: Optimizer, number: int) -> Iterator[Asked | Signal]:
        optimizer.seed(int(self._problem.stream(number).integers(2**31)))
        return (optimizer.ask() for _ in range(MAX_ASKS))
