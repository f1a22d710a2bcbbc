"""The volume that points of several losses dominate, up to a reference point.

L. While, L. Bradstreet and L. Barone, A fast way of calculating exact hypervolumes, IEEE
Transactions on Evolutionary Computation 16(1), 2012.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orion_like.algo.pareto import Floats
from orion_like.errors import ObjectiveError

MAX_EXACT = 4
"""Most losses for which the volume is computed; for more it is estimated."""

SAMPLES = 50_000
"""Points by which the volume is estimated: its standard error is at most 0.23 % of the box."""

MARGIN = 0.1
"""How far the default reference lies beyond the worst points, as a part of their extent."""


@np.errstate(over="ignore", invalid="ignore")  # of huge losses the volume is infinite
def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Return the volume that points dominate, all losses to be minimized.

    Exact for up to four losses. For more it is estimated from 50,000 random points, always
    the same ones, with a standard error of at most 0.23 % of the box between the best losses
    and the reference.

    Parameters
    ----------
    points
        One row per point, one column per loss. Those that are not better than the reference
        in every loss count for nothing.
    reference
        The worst losses that still count.

    Examples
    --------
    >>> hypervolume([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]], reference=[3.0, 3.0])
    3.0
    """
    corner = np.asarray(reference, dtype=float)
    losses = np.asarray(points, dtype=float).reshape(-1, len(corner))
    inside = losses[np.all(losses < corner, axis=1)]
    if not len(inside):
        return 0.0
    front = inside[is_efficient(inside)]
    return _volume(front, corner) if len(corner) <= MAX_EXACT else _estimated(front, corner)


@np.errstate(over="ignore", invalid="ignore")
def running_hypervolume(points: ArrayLike, reference: ArrayLike) -> Floats:
    """Return the volume that each point dominates together with those before it.

    Parameters
    ----------
    points
        One row per point, one column per loss; rows with NaN count for nothing.
    reference
        The worst losses that still count.

    Examples
    --------
    >>> running_hypervolume([[2.0, 2.0], [1.0, 2.0], [2.0, 1.0]], reference=[3.0, 3.0]).tolist()
    [1.0, 2.0, 3.0]
    """
    corner = np.asarray(reference, dtype=float)
    losses = np.asarray(points, dtype=float).reshape(-1, len(corner))
    grows = np.all(losses < corner, axis=1)
    gains = np.zeros(len(losses))
    front = np.empty((0, len(corner)))
    cloud, cell = (
        _cloud(losses[grows], corner) if len(corner) > MAX_EXACT and grows.any() else (None, 0.0)
    )
    for row in np.flatnonzero(grows):
        point = losses[row]
        if np.any(np.all(front <= point, axis=1)):
            continue
        if cloud is None:
            gains[row] = max(0.0, _exclusive(point, front, corner))  # but for rounding
        else:
            covered = np.all(point <= cloud, axis=1)
            gains[row] = cell * np.count_nonzero(covered)
            cloud = cloud[~covered]
        front = np.vstack([front[~np.all(point <= front, axis=1)], point])
    return np.cumsum(gains)


def is_efficient(points: Floats) -> NDArray[np.bool_]:
    """Whether no other point dominates a point; of equal points, the first is taken.

    Parameters
    ----------
    points
        One row per point, one column per loss.

    Examples
    --------
    >>> is_efficient(np.array([[1.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 2.0]]))
    array([ True, False,  True, False])
    """
    chosen = np.zeros(len(points), dtype=bool)
    # In this order no point is dominated by a later one.
    left = np.lexsort((np.arange(len(points)), *points.T[::-1]))
    while len(left):
        chosen[left[0]] = True
        left = left[~np.all(points[left[0]] <= points[left], axis=1)]
    return chosen


@np.errstate(over="ignore")
def default_reference(points: Floats) -> Floats:
    """Return the worst losses among points of a front, and a tenth of their extent beyond.

    H. Ishibuchi, R. Imada, Y. Setoguchi and Y. Nojima, How to specify a reference point in
    hypervolume calculation for fair performance comparison, Evolutionary Computation 26(3),
    2018. Where the points do not differ, their extent counts as 1.

    Parameters
    ----------
    points
        One row per point, one column per loss.

    Examples
    --------
    >>> default_reference(np.array([[0.0, 5.0], [10.0, 5.0]])).tolist()
    [11.0, 5.1]
    """
    worst = points.max(axis=0)
    extent = worst - points.min(axis=0)
    reference: Floats = np.nan_to_num(worst + MARGIN * np.where(extent > 0, extent, 1.0))
    return reference  # not beyond the largest number


def check_reference(reference: object, names: Iterable[str]) -> Floats:
    """Return a reference point as an array.

    Raises
    ------
    ObjectiveError
        If it is not one number for each of the objectives.
    """
    names = list(names)
    try:
        point = np.asarray(reference, dtype=float)
    except (TypeError, ValueError):
        point = np.empty(0)
    if point.shape != (len(names),) or not np.isfinite(point).all():
        raise ObjectiveError(
            f"a reference point is one number for each of {', '.join(names)}, not {reference!r}"
        )
    return point


def _volume(front: Floats, corner: Floats) -> float:
    """Add up what each point dominates and those after it do not (section III of the paper)."""
    if len(corner) == 1:
        return float(corner[0] - front[:, 0].min())
    if len(corner) == 2:
        return _area(front, corner)
    # Worst in the last loss first: those after a point are at least as good in it, so that
    # all that they leave of its box can be told from the other losses.
    front = front[np.argsort(-front[:, -1], kind="stable")]
    depths = corner[-1] - front[:, -1]
    return sum(
        float(depths[place]) * _exclusive(point, front[place + 1 :, :-1], corner[:-1])
        for place, point in enumerate(front[:, :-1])
    )


def _exclusive(point: Floats, others: Floats, corner: Floats) -> float:
    """Return the volume that a point dominates and the others do not."""
    box = float(np.prod(corner - point))
    if not len(others):
        return box
    limited = np.maximum(others, point)
    if len(corner) > 2:
        limited = limited[is_efficient(limited)]
    return box - _volume(limited, corner)


def _area(front: Floats, corner: Floats) -> float:
    ordered = front[np.lexsort((front[:, 1], front[:, 0]))]
    heights = np.minimum.accumulate(np.concatenate([corner[1:], ordered[:, 1]]))
    return float(np.sum((corner[0] - ordered[:, 0]) * (heights[:-1] - heights[1:])))


def _estimated(front: Floats, corner: Floats) -> float:
    cloud, cell = _cloud(front, corner)
    for point in front:
        cloud = cloud[~np.all(point <= cloud, axis=1)]
    return cell * (SAMPLES - len(cloud))


def _cloud(points: Floats, corner: Floats) -> tuple[Floats, float]:
    """Return samples of the box around points, and the volume that each of them stands for."""
    low = points.min(axis=0)
    cloud = low + np.random.default_rng(0).random((SAMPLES, len(corner))) * (corner - low)
    return cloud, float(np.prod(corner - low)) / SAMPLES
