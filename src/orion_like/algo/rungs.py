"""Rungs of a fidelity, and how far each configuration has climbed, as the trials tell.

A configuration is a point without its fidelity. It enters at some rung, and each further
trial of it, on a higher rung, is a promotion. All of this is read off the trials, so that no
worker needs to tell another what it has promoted; two that promote the same trial make the
same trial, of which one is stored.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from orion_like.algo.base import Continued, Signal, Suggestion
from orion_like.algo.outcome import Kind, Outcome, judge
from orion_like.algo.problem import Problem
from orion_like.algo.random_search import Random
from orion_like.algo.sequence import point_key
from orion_like.errors import AlgorithmError
from orion_like.space import Fidelity, Space
from orion_like.trial import Trial

MIN_BASE = 2
"""Smallest ratio between rungs: of two configurations at least one is not promoted."""

ROUNDING = 1e-9

Rank = tuple[Any, ...]


def fidelity_of(problem: Problem) -> Fidelity:
    """Return the fidelity of a problem that must have one."""
    fidelity = problem.space.fidelity
    if fidelity is None:
        raise AlgorithmError("there is no fidelity dimension, e.g. 'epochs': 'fidelity(1, 100)'")
    return fidelity


def rung_fidelities(fidelity: Fidelity, count: int | None = None) -> tuple[int, ...]:
    """Return the fidelities of the rungs, evenly spaced on a logarithmic scale, with both ends.

    Parameters
    ----------
    fidelity
        The fidelity dimension.
    count
        How many rungs. Default as many as there are steps of the fidelity's base or more from
        the lowest to the highest, floor(log(high / low) / log(base)) + 1.

    Raises
    ------
    AlgorithmError
        If there are not so many whole numbers, or the base is below 2.

    Examples
    --------
    >>> rung_fidelities(Fidelity("epochs", 1, 81, base=3))
    (1, 3, 9, 27, 81)
    >>> rung_fidelities(Fidelity("epochs", 1, 100, base=4))
    (1, 5, 22, 100)
    >>> rung_fidelities(Fidelity("epochs", 1, 100), count=3)
    (1, 10, 100)
    """
    low, high, base = fidelity.low, fidelity.high, fidelity.base
    if low == high:
        return (high,)
    if base < MIN_BASE:
        raise AlgorithmError(
            f"fidelity {fidelity.name!r}: its base is {base}, but promotion from rung to rung "
            "needs one of at least 2, the factor by which rungs get smaller"
        )
    if count is None:
        count = int(math.log(high / low) / math.log(base) + ROUNDING) + 1
    if count == 1:
        return (high,)
    ratio = high / low
    rungs = tuple(round(low * ratio ** (k / (count - 1))) for k in range(count))
    if any(a >= b for a, b in itertools.pairwise(rungs)):
        raise AlgorithmError(
            f"fidelity {fidelity.name!r}: there are no {count} different rungs between {low} and "
            f"{high}"
        )
    return rungs


@dataclass
class Configuration:
    """What is known of a configuration.

    Parameters
    ----------
    key
        Its point, without the fidelity.
    point
        Values of all dimensions but the fidelity.
    entry
        The rung on which it begins.
    number
        Lowest number of its trials.
    trials
        Id and outcome of its trial on each rung; None while it is pending.
    """

    key: str
    point: dict[str, Any]
    entry: int
    number: int
    trials: dict[int, tuple[str, Outcome | None]] = field(default_factory=dict)

    def rank(self, rung: int) -> Rank | None:
        """Return what sorts it among those that are finished on a rung, or None if it is not."""
        outcome = self.trials[rung][1] if rung in self.trials else None
        return None if outcome is None else (*outcome.key, self.number, self.key)

    def continued(self, rung: int, name: str, fidelity: int) -> Continued:
        """Return the point that goes on from its trial on a rung, at another fidelity."""
        params = dict(sorted({**self.point, name: fidelity}.items()))
        return Continued(params, parent=self.trials[rung][0])

    def succeeded(self, rung: int) -> bool:
        """Whether it finished on a rung without failing."""
        outcome = self.trials[rung][1] if rung in self.trials else None
        return outcome is not None and outcome.kind is not Kind.FAILED

    def is_promotable(self, rung: int) -> bool:
        """Whether it finished on a rung without failing, and is on no higher one."""
        return self.succeeded(rung) and max(self.trials) == rung


class Rungs:
    """Every configuration that has a trial on one of the rungs.

    Parameters
    ----------
    problem
        The space, which has a fidelity, and the objective.
    fidelities
        Fidelity of each rung.
    """

    def __init__(self, problem: Problem, fidelities: tuple[int, ...]) -> None:
        self._problem = problem
        self._name = fidelity_of(problem).name
        self._rung_of = {value: rung for rung, value in enumerate(fidelities)}
        self.configurations: dict[str, Configuration] = {}
        self.n_pending = 0

    def observe(self, trials: Iterable[Trial]) -> list[Configuration]:
        """Take in new and changed trials; return the configurations as they are now.

        The same configuration may be returned several times. Trials on no rung are left out.
        """
        changed = []
        for trial in trials:
            point = trial.flat_params
            rung = self._rung_of.get(point.pop(self._name, None))
            if rung is None:
                continue
            key = point_key(point)
            number = -1 if trial.number is None else trial.number
            known = self.configurations.setdefault(key, Configuration(key, point, rung, number))
            known.entry, known.number = min(known.entry, rung), min(known.number, number)
            before, outcome = known.trials.get(rung), judge(trial, self._problem)
            # Of a user's trial and a promotion to the same rung, the first one counts.
            if before is not None and before[0] != trial.id and before[0] < trial.id:
                continue
            self.n_pending += (outcome is None) - (before is not None and before[1] is None)
            known.trials[rung] = (trial.id, outcome)
            changed.append(known)
        return changed


class NewConfigurations:
    """Draws of configurations that have no trial yet, on any rung.

    Parameters
    ----------
    problem
        The space, which has a fidelity, and the seed.
    """

    def __init__(self, problem: Problem) -> None:
        self._space = problem.space
        self._fidelity = fidelity_of(problem)
        self._random = Random(problem)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in trials; whatever their fidelity, their configurations are taken."""
        if self._random.uses_trials:
            self._random.observe(at_highest(trial, self._space) for trial in trials)

    def draw(self, rng: np.random.Generator, number: int, fidelity: int) -> Suggestion:
        """Return the draw of a number at some fidelity, or Exhausted."""
        point = self._random.suggest(rng, number)
        return point if isinstance(point, Signal) else {**point, self._fidelity.name: fidelity}


def at_highest(trial: Trial, space: Space) -> Trial:
    """Return a trial with its outcome as one at the highest fidelity, for those that ask for it."""
    fidelity = space.fidelity
    point = trial.flat_params
    if fidelity is not None:
        point[fidelity.name] = fidelity.high
    document = {**trial.to_dict(), "params": space.to_document(point), "parent": None}
    return Trial.from_document(document)


class Standings:
    """Configurations in order of their outcomes on one rung, as they come in."""

    def __init__(self, rung: int) -> None:
        self._rung = rung
        self._ranks: dict[str, Rank] = {}
        self._finished: list[Rank] = []
        self._waiting: list[Rank] = []

    def __len__(self) -> int:
        return len(self._finished)

    def discard(self, configuration: Configuration) -> None:
        """Leave a configuration out again."""
        old = self._ranks.pop(configuration.key, None)
        if old is not None:
            del self._finished[bisect_left(self._finished, old)]
            place = bisect_left(self._waiting, old)
            if self._waiting[place : place + 1] == [old]:
                del self._waiting[place]

    def update(self, configuration: Configuration) -> None:
        """Take in a configuration that is new or has changed."""
        self.discard(configuration)
        rank = configuration.rank(self._rung)
        if rank is not None:
            self._ranks[configuration.key] = rank
            insort(self._finished, rank)
            if configuration.is_promotable(self._rung):
                insort(self._waiting, rank)

    def best_waiting(self, n_best: int) -> str | None:
        """Return the key of the best one not promoted yet, if it is among the `n_best`."""
        if not self._waiting:
            return None
        best = self._waiting[0]
        key: str = best[-1]
        return key if bisect_left(self._finished, best) < n_best else None
