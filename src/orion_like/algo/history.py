"""Observed trials as vectors and outcomes, kept up to date trial by trial."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.outcome import Outcome, judge
from orion_like.algo.problem import Problem
from orion_like.algo.ranking import Entry, LossRanking, ParetoRanking, Ranking
from orion_like.algo.sequence import point_key
from orion_like.space import Space
from orion_like.trial import Trial

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass
class _Record:
    """What is known of a trial; without an outcome it is pending."""

    row: int
    number: int
    outcome: Outcome | None


def below_highest_fidelity(trial: Trial, space: Space) -> bool:
    """Whether the outcome of a trial does not compare with those of the highest fidelity."""
    fidelity = space.fidelity
    return fidelity is not None and trial.flat_params.get(fidelity.name) != fidelity.high


class History:
    """The trials that a model learns from.

    It depends on the trials alone, not on the order or number of times they were observed.
    Trials below the highest fidelity are left out, since their outcomes do not compare.

    Parameters
    ----------
    problem
        The space, objectives and constraints.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._encoding = problem.space.encoding()
        self._vectors: Floats = np.empty((16, self._encoding.width))
        self._records: dict[str, _Record] = {}
        self._pending: list[tuple[int, str, int]] = []
        self._taken: set[str] = set()
        several = len(problem.objectives) > 1
        self.ranking: Ranking = ParetoRanking(len(problem.objectives)) if several else LossRanking()

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        space = self._problem.space
        relevant = {trial.id: trial for trial in trials if not below_highest_fidelity(trial, space)}
        self._add([(id_, trial) for id_, trial in relevant.items() if id_ not in self._records])
        for id_, trial in relevant.items():
            self._settle(id_, self._records[id_], judge(trial, self._problem))

    def is_taken(self, params: dict[str, object]) -> bool:
        """Whether a trial has exactly this point."""
        return point_key(params) in self._taken

    def vectors(self, rows: Rows) -> Floats:
        """Return the encoded points of some trials."""
        return self._vectors[rows]

    def pending(self, limit: int) -> Rows:
        """Return the rows of the latest pending trials, at most `limit`."""
        return np.array([row for *_, row in self._pending[-limit:]], dtype=np.intp)

    def _add(self, fresh: list[tuple[str, Trial]]) -> None:
        if not fresh:
            return
        start, stop = len(self._records), len(self._records) + len(fresh)
        points = [trial.flat_params for _, trial in fresh]
        self._grow(stop)
        self._vectors[start:stop] = self._encoding.encode_many(points)
        self._taken.update(map(point_key, points))
        for row, (id_, trial) in enumerate(fresh, start):
            number = -1 if trial.number is None else trial.number
            self._records[id_] = _Record(row, number, None)
            insort(self._pending, (number, id_, row))

    def _grow(self, size: int) -> None:
        if size > len(self._vectors):
            grown = np.empty((max(size, 2 * len(self._vectors)), self._encoding.width))
            grown[: len(self._vectors)] = self._vectors
            self._vectors = grown

    def _settle(self, id_: str, record: _Record, outcome: Outcome | None) -> None:
        """Move a trial between the pending and the ranked ones as its outcome says."""
        if outcome == record.outcome:
            return
        pending = (record.number, id_, record.row)
        if record.outcome is None:
            del self._pending[bisect_left(self._pending, pending)]
        else:
            self.ranking.remove(Entry(record.row, record.number, id_, record.outcome))
        record.outcome = outcome
        if outcome is None:
            insort(self._pending, pending)
        else:
            self.ranking.add(Entry(record.row, record.number, id_, outcome))
