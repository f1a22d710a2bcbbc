"""The finished trials that a model is to learn from, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.history import History
from orion_like.algo.outcome import Kind
from orion_like.algo.ranking import thin_out

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Observations:
    """Finished trials, in order of their numbers.

    Parameters
    ----------
    rows
        Where they are in the history.
    vectors
        Encoded points.
    kinds
        Kind of each outcome.
    losses
        Losses, a row each, NaN where a trial failed.
    violations
        By how much they break the outcome constraints.
    """

    rows: Rows
    vectors: Floats
    kinds: NDArray[np.int8]
    losses: Floats
    violations: Floats

    @classmethod
    def of(cls, history: History) -> Observations:
        """Return all finished trials."""
        rows = history.finished()
        return cls(
            rows,
            history.vectors(rows),
            history.kinds(rows),
            history.losses(rows),
            history.violations(rows),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, positions: Rows) -> Observations:
        """Return some of them."""
        return Observations(
            self.rows[positions],
            self.vectors[positions],
            self.kinds[positions],
            self.losses[positions],
            self.violations[positions],
        )

    @property
    def evaluated(self) -> NDArray[np.bool_]:
        """Which of them have losses."""
        return np.not_equal(self.kinds, Kind.FAILED)

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which of them keep all outcome constraints."""
        return np.equal(self.kinds, Kind.FEASIBLE)

    def ranked(self, losses: Floats) -> Rows:
        """Return positions, best first: feasible by loss, infeasible by violation, then failed."""
        values = np.where(self.feasible, losses, self.violations)
        return np.lexsort((values, self.kinds))

    def relevant(self, losses: Floats, limit: int) -> Rows:
        """Return the positions of the best half of `limit` trials, and of a thinned-out rest."""
        if len(self) <= limit:
            return np.arange(len(self), dtype=np.intp)
        order = self.ranked(losses)
        n_best = limit // 2
        places, _ = thin_out(len(self) - n_best, limit - n_best)
        return np.sort(np.concatenate([order[:n_best], order[n_best:][places]]))
