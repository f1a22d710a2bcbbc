"""Domination between points of several losses, and the volume that they dominate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLOUD = 512
"""Points by which volumes are measured."""

MAX_TIED = 256
"""Most points between which volumes decide; of more, evenly many are left out."""


def dominates(first: Floats, second: Floats) -> NDArray[np.bool_]:
    """Whether losses are nowhere higher than others and somewhere lower.

    Parameters
    ----------
    first, second
        One row per objective, one column per point; they are broadcast.

    Examples
    --------
    >>> dominates(np.array([[1.0], [1.0]]), np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 3.0]]))
    array([ True, False, False])
    """
    result: NDArray[np.bool_] = np.all(first <= second, axis=0) & np.any(first < second, axis=0)
    return result


def spread_out(fixed: Floats, tied: Floats, n: int) -> NDArray[np.intp]:
    """Choose `n` of the tied points, greedily, so that the dominated volume is large.

    The volume is the share of a fixed cloud of points that the chosen dominate, in the box
    between the best and the worst losses: the greedy subset selection of hypervolume, whose
    result is within 1 - 1/e of the best, with the volume estimated.

    Parameters
    ----------
    fixed
        Points chosen already: one row per objective, one column per point.
    tied
        Points to choose from.
    n
        How many to choose.
    """
    count = tied.shape[1]
    if n >= count:
        return np.arange(count, dtype=np.intp)
    pool = np.arange(count, dtype=np.intp)
    if count > MAX_TIED:
        pool = np.lexsort(tied)[np.linspace(0, count - 1, max(MAX_TIED, n)).astype(np.intp)]
    covered, covers = _coverage(fixed, tied[:, pool])
    chosen: list[int] = []
    free = np.ones(len(pool), dtype=bool)
    for _ in range(n):
        gains = np.where(free, np.count_nonzero(covers & ~covered, axis=1), -1)
        best = int(np.argmax(gains))
        chosen.append(best)
        free[best] = False
        covered = covered | covers[best]
    return pool[chosen]


def _coverage(fixed: Floats, tied: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which points of the cloud the fixed points dominate, and which each tied one."""
    everything = np.concatenate([fixed, tied], axis=1)
    low = everything.min(axis=1, keepdims=True)
    span = everything.max(axis=1, keepdims=True) - low
    span[span == 0] = 1.0
    # The box reaches a tenth beyond the worst losses, so that extreme points count too.
    cloud = np.random.default_rng(0).random((len(tied), CLOUD)) * 1.1
    inside = (everything - low) / span
    covers = np.all(inside[:, :, None] <= cloud[:, None, :], axis=0)
    n_fixed = fixed.shape[1]
    return covers[:n_fixed].any(axis=0), covers[n_fixed:]


def nondominated_fronts(losses: Floats) -> list[NDArray[np.intp]]:
    """Sort points into fronts: of the points left each time, those that none of them dominates.

    K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, IEEE Transactions on Evolutionary
    Computation 6(2), 2002, section III-A.

    Parameters
    ----------
    losses
        One row per point, one column per objective.

    Examples
    --------
    >>> fronts = nondominated_fronts(np.array([[2.0, 2.0], [1.0, 3.0], [2.0, 3.0], [3.0, 1.0]]))
    >>> [front.tolist() for front in fronts]
    [[0, 1, 3], [2]]
    """
    columns = losses.T
    dominated = dominates(columns[:, :, None], columns[:, None, :])
    dominators = dominated.sum(axis=0)
    fronts = []
    while np.any(dominators >= 0):
        front = np.flatnonzero(dominators == 0)
        fronts.append(front)
        dominators = dominators - dominated[front].sum(axis=0)
        dominators[front] = -1
    return fronts


def crowding_distances(losses: Floats) -> Floats:
    """Return how far the neighbours of each point of a front are apart; the ends, infinitely.

    K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, IEEE Transactions on Evolutionary
    Computation 6(2), 2002, section III-B.

    Parameters
    ----------
    losses
        One row per point, one column per objective.

    Examples
    --------
    >>> crowding_distances(np.array([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0]])).tolist()
    [inf, 2.0, inf]
    """
    distances = np.zeros(len(losses))
    for column in losses.T:
        order = np.argsort(column, kind="stable")
        # Losses are halved, so that the distance between the largest ones remains finite.
        ordered = column[order] / 2
        distances[order[[0, -1]]] = np.inf
        span = ordered[-1] - ordered[0]
        if span > 0:
            distances[order[1:-1]] += (ordered[2:] - ordered[:-2]) / span
    return distances
