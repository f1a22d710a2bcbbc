"""The Pareto front of several objectives, and how it grew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from orion_like.algo.hypervolume import (
    check_reference,
    default_reference,
    is_efficient,
    running_hypervolume,
)
from orion_like.analysis.trials import Numbers, check_columns, losses, sign_of

if TYPE_CHECKING:
    import pandas


def pareto_front(trials: pandas.DataFrame, directions: Mapping[str, str]) -> pandas.DataFrame:
    """Return the rows that no other one beats in all objectives.

    Parameters
    ----------
    trials
        Frame of trials with a column ``objective.NAME`` for each objective.
    directions
        ``'minimize'`` or ``'maximize'`` by the name of each objective.

    Returns
    -------
    The rows in their order. Of rows with equal objectives the first is taken; those without a
    finite objective, and those that a column ``feasible`` excludes, are not.

    Raises
    ------
    ValueError
        If a column is missing, or a direction is unknown.

    Examples
    --------
    >>> import pandas
    >>> trials = pandas.DataFrame(
    ...     {"id": ["a", "b", "c"], "objective.loss": [3, 1, 3], "objective.gain": [6, 4, 5]})
    >>> pareto_front(trials, {"loss": "minimize", "gain": "maximize"})["id"].tolist()
    ['a', 'b']
    """
    points = _points(trials, directions)
    counting = np.flatnonzero(np.isfinite(points).all(axis=1))
    return trials.iloc[counting[is_efficient(points[counting])]].copy()


def hypervolume(
    trials: pandas.DataFrame,
    directions: Mapping[str, str],
    reference_point: Sequence[float] | None = None,
    name: str = "hypervolume",
) -> pandas.DataFrame:
    """Add the volume that the Pareto front dominates so far to each trial.

    Parameters
    ----------
    trials
        Frame of trials with a column ``objective.NAME`` for each objective, in the order in
        which they count.
    directions
        ``'minimize'`` or ``'maximize'`` by the name of each objective.
    reference_point
        The worst value of each objective that still counts, in the order of `directions`.
        Default: see :func:`reference_of`.
    name
        Name of the column to add. Default ``'hypervolume'``.

    Returns
    -------
    A new frame. Rows that cannot be in the front carry on the volume before them. It is exact
    for up to four objectives, and estimated for more.

    Raises
    ------
    ObjectiveError
        If the reference point is not one number for each objective.
    ValueError
        If a column is missing, or a direction is unknown.

    Examples
    --------
    >>> import pandas
    >>> trials = pandas.DataFrame({"objective.a": [2.0, 1.0, 0.0], "objective.b": [2.0, 1.0, 2.5]})
    >>> directions = {"a": "minimize", "b": "minimize"}
    >>> hypervolume(trials, directions, [3.0, 3.0])["hypervolume"].tolist()
    [1.0, 4.0, 4.5]
    """
    points = _points(trials, directions)
    if reference_point is None:
        reference_point = reference_of(trials, directions)
    signs = np.array([sign_of(direction) for direction in directions.values()])
    corner = signs * check_reference(reference_point, directions)
    return trials.assign(**{name: running_hypervolume(points, corner)})


def reference_of(trials: pandas.DataFrame, directions: Mapping[str, str]) -> list[float]:
    """Return the worst values along the Pareto front, and a tenth of its extent beyond.

    Where the front has no extent, that counts as 1. Without a front, all are 0.

    Parameters
    ----------
    trials
        Frame of trials with a column ``objective.NAME`` for each objective.
    directions
        ``'minimize'`` or ``'maximize'`` by the name of each objective.
    """
    points = _points(pareto_front(trials, directions), directions)
    signs = np.array([sign_of(direction) for direction in directions.values()])
    worst = default_reference(points) if len(points) else np.zeros(len(signs))
    reference: list[float] = (signs * worst).tolist()
    return reference


def _points(trials: pandas.DataFrame, directions: Mapping[str, str]) -> Numbers:
    """Return losses, a column for each objective; NaN where one cannot count."""
    columns = {name: f"objective.{name}" for name in directions}
    check_columns(trials, *columns.values())
    points = np.empty((len(trials), len(columns)))
    for place, (name, column) in enumerate(columns.items()):
        points[:, place] = losses(trials, directions[name], column)
    return points
