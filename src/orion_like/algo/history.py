"""Observed trials as vectors and outcomes, kept up to date trial by trial."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gradient import GradientReader, Gradients
from orion_like.algo.outcome import Outcome, judge
from orion_like.algo.problem import Problem
from orion_like.algo.ranking import Entry, LossRanking, ParetoRanking, Ranking
from orion_like.algo.sequence import point_key
from orion_like.space import Space
from orion_like.trial import Trial

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

PENDING = -1
"""Stands among the kinds of outcomes for trials that have none yet."""


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
        self._losses: Floats = np.full((16, len(problem.objectives)), np.nan)
        self._violations: Floats = np.zeros(16)
        self._kinds = np.full(16, PENDING, dtype=np.int8)
        self._reader = GradientReader(problem)
        self._gradients: dict[int, Gradients] = {}
        self._records: dict[str, _Record] = {}
        self._rows: list[_Record] = []
        self._order: list[tuple[int, str, int]] = []
        self._order_rows: Rows | None = None
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
            record = self._records[id_]
            self._settle(id_, record, judge(trial, self._problem))
            gradients = None if record.outcome is None else self._reader.read(trial)
            if gradients is not None:
                self._gradients[record.row] = gradients
            else:
                self._gradients.pop(record.row, None)

    def is_taken(self, params: dict[str, object]) -> bool:
        """Whether a trial has exactly this point."""
        return point_key(params) in self._taken

    def vectors(self, rows: Rows) -> Floats:
        """Return the encoded points of some trials."""
        return self._vectors[rows]

    def by_number(self) -> Rows:
        """Return the rows of all trials in order of their numbers, pending ones included."""
        if self._order_rows is None:
            self._order_rows = np.array([row for *_, row in self._order], dtype=np.intp)
        return self._order_rows

    def finished(self) -> Rows:
        """Return the rows of the finished trials in order of their numbers."""
        rows = self.by_number()
        ended: Rows = rows[self._kinds[rows] != PENDING]
        return ended

    def kinds(self, rows: Rows) -> NDArray[np.int8]:
        """Return the kind of each outcome, `PENDING` where there is none."""
        return self._kinds[rows]

    def losses(self, rows: Rows) -> Floats:
        """Return the losses of some trials, a row each; NaN of those that failed or are pending."""
        return self._losses[rows]

    def violations(self, rows: Rows) -> Floats:
        """Return by how much some trials break the outcome constraints."""
        return self._violations[rows]

    def outcome(self, row: int) -> Outcome | None:
        """Return the outcome of a trial, None while it is pending."""
        return self._rows[row].outcome

    def gradients(self, row: int) -> Gradients | None:
        """Return the gradients of a finished trial, None if it has none that can be used."""
        return self._gradients.get(row)

    @property
    def has_gradients(self) -> bool:
        """Whether some finished trial has gradients that can be used."""
        return bool(self._gradients)

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
            self._rows.append(self._records[id_])
            insort(self._order, (number, id_, row))
            insort(self._pending, (number, id_, row))
        self._order_rows = None

    def _grow(self, size: int) -> None:
        missing = max(size, 2 * len(self._vectors)) - len(self._vectors)
        if size > len(self._vectors):
            pad = ((0, missing), (0, 0))
            self._vectors = np.pad(self._vectors, pad)
            self._losses = np.pad(self._losses, pad, constant_values=np.nan)
            self._violations = np.pad(self._violations, pad[0])
            self._kinds = np.pad(self._kinds, pad[0], constant_values=PENDING)

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
        self._kinds[record.row] = PENDING if outcome is None else outcome.kind
        self._losses[record.row] = (outcome and outcome.losses) or np.nan
        self._violations[record.row] = outcome.violation if outcome else 0.0
        if outcome is None:
            insort(self._pending, pending)
        else:
            self.ranking.add(Entry(record.row, record.number, id_, outcome))
