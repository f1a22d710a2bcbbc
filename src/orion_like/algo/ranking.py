"""Finished trials in the order of their outcomes, kept sorted as they come in.

Both rankings are functions of the set of trials, not of the order of their arrival, and
neither walks over all trials in Python.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.outcome import Kind, Outcome
from orion_like.algo.pareto import dominates, spread_out

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MAX_REST = 256
"""Most trials that stand for those not among the good ones."""


class Entry(NamedTuple):
    """A finished trial: its number breaks ties, its row says where its vector is."""

    row: int
    number: int
    id: str
    outcome: Outcome


@dataclass(frozen=True)
class Split:
    """Rows of the good trials, best first, and of the rest with the number each stands for."""

    good: Rows
    rest: Rows
    weights: Floats


class Ranking(Protocol):
    """Finished trials in order."""

    successes: int
    """How many did not fail."""

    def __len__(self) -> int: ...

    def add(self, entry: Entry) -> None:
        """Take in a trial."""

    def remove(self, entry: Entry) -> None:
        """Take a trial out again."""

    def split(self, n_good: int) -> Split:
        """Return the best `n_good` trials that did not fail, and a thinned-out rest."""


class LossRanking:
    """Ranking by one objective: feasible trials by loss, infeasible by violation, then failed."""

    def __init__(self) -> None:
        self.successes = 0
        self._keys: list[tuple[Any, ...]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, entry: Entry) -> None:
        """Take in a trial."""
        insort(self._keys, _key(entry))
        self.successes += entry.outcome.kind is not Kind.FAILED

    def remove(self, entry: Entry) -> None:
        """Take a trial out again."""
        del self._keys[bisect_left(self._keys, _key(entry))]
        self.successes -= entry.outcome.kind is not Kind.FAILED

    def split(self, n_good: int) -> Split:
        """Return the best `n_good` trials that did not fail, and a thinned-out rest."""
        n_good = min(n_good, self.successes)
        positions, weights = thin_out(len(self._keys) - n_good)
        good = [key[-1] for key in self._keys[:n_good]]
        rest = [self._keys[n_good + position][-1] for position in positions.tolist()]
        return Split(np.array(good, dtype=np.intp), np.array(rest, dtype=np.intp), weights)


def _key(entry: Entry) -> tuple[Any, ...]:
    return (*entry.outcome.key, entry.number, entry.id, entry.row)


def thin_out(n: int, limit: int = MAX_REST) -> tuple[Rows, Floats]:
    """Return positions in a sorted list of `n`, and how many elements each stands for.

    Up to `limit` all are taken. Beyond, their distance grows in proportion to the square root
    of the position, so that the better ones, which the good ones must be told from, stand
    closer.

    Examples
    --------
    >>> positions, weights = thin_out(1000, limit=5)
    >>> positions.tolist(), weights.tolist()
    ([20, 100, 260, 500, 820], [40.0, 120.0, 200.0, 280.0, 360.0])
    """
    if n <= limit:
        return np.arange(n, dtype=np.intp), np.ones(n)
    edges = np.unique((n * np.linspace(0, 1, limit + 1) ** 2).astype(np.intp))
    return (edges[:-1] + edges[1:]) // 2, np.diff(edges).astype(float)


class ParetoRanking:
    """Ranking by several objectives: by how many trials dominate a trial.

    C. M. Fonseca and P. J. Fleming, Genetic algorithms for multiobjective optimization,
    ICGA 1993. Among trials that equally many dominate, those come first that together
    dominate the largest volume. Infeasible and failed trials follow as in `LossRanking`.
    """

    def __init__(self, n_objectives: int) -> None:
        self.successes = 0
        self._places: dict[int, int] = {}  # of the feasible trials, by their rows
        self._losses = np.empty((n_objectives, 16))
        self._rows = np.empty(16, dtype=np.intp)
        self._numbers = np.empty(16, dtype=np.int64)
        self._dominated_by = np.empty(16, dtype=np.int64)
        self._others = LossRanking()

    def __len__(self) -> int:
        return len(self._places) + len(self._others)

    def add(self, entry: Entry) -> None:
        """Take in a trial."""
        self.successes += entry.outcome.kind is not Kind.FAILED
        if entry.outcome.kind is not Kind.FEASIBLE:
            self._others.add(entry)
            return
        place = len(self._places)
        if place == len(self._rows):
            self._grow()
        loss, others = np.array(entry.outcome.losses)[:, None], self._losses[:, :place]
        self._dominated_by[:place] += dominates(loss, others)
        self._dominated_by[place] = np.count_nonzero(dominates(others, loss))
        self._losses[:, place] = loss[:, 0]
        self._rows[place] = entry.row
        self._numbers[place] = entry.number
        self._places[entry.row] = place

    def remove(self, entry: Entry) -> None:
        """Take a trial out again."""
        self.successes -= entry.outcome.kind is not Kind.FAILED
        if entry.outcome.kind is not Kind.FEASIBLE:
            self._others.remove(entry)
            return
        place, last = self._places.pop(entry.row), len(self._places)
        if place != last:
            self._places[int(self._rows[last])] = place
        for array in (self._losses.T, self._rows, self._numbers, self._dominated_by):
            array[place] = array[last]
        loss = np.array(entry.outcome.losses)[:, None]
        self._dominated_by[:last] -= dominates(loss, self._losses[:, :last])

    def split(self, n_good: int) -> Split:
        """Return the best `n_good` trials that did not fail, and a thinned-out rest."""
        n = len(self._places)
        ordered = np.lexsort((self._numbers[:n], self._dominated_by[:n]))
        others = self._others.split(max(0, n_good - n))
        good = self._front(ordered, min(n_good, n))
        is_left = np.ones(n, dtype=bool)
        is_left[good] = False
        left = ordered[is_left[ordered]]
        positions, weights = thin_out(len(left))
        return Split(
            np.concatenate([self._rows[good], others.good]),
            np.concatenate([self._rows[left[positions]], others.rest]),
            np.concatenate([weights, others.weights]),
        )

    def _grow(self) -> None:
        self._losses = np.concatenate([self._losses, self._losses], axis=1)
        self._rows = np.concatenate([self._rows, self._rows])
        self._numbers = np.concatenate([self._numbers, self._numbers])
        self._dominated_by = np.concatenate([self._dominated_by, self._dominated_by])

    def _front(self, ordered: Rows, n_good: int) -> Rows:
        """Return the first `n_good` places, ties at the end broken by volume."""
        if n_good == 0:
            return ordered[:0]
        ranks = self._dominated_by[ordered]
        last_rank = ranks[n_good - 1]
        sure = ordered[ranks < last_rank]
        tied = ordered[ranks == last_rank]
        n_missing = n_good - len(sure)
        picked = spread_out(self._losses[:, sure], self._losses[:, tied], n_missing)
        return np.concatenate([sure, tied[picked]])
