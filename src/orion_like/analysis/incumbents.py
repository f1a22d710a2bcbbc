"""The best objective so far, trial by trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from orion_like.analysis.libraries import load
from orion_like.analysis.trials import check_columns, losses, sign_of

if TYPE_CHECKING:
    import pandas


def regret(
    trials: pandas.DataFrame,
    names: Sequence[str] = ("best", "best_id"),
    *,
    direction: str = "minimize",
) -> pandas.DataFrame:
    """Add the best objective so far to each trial, and the id of the trial that has it.

    Parameters
    ----------
    trials
        Frame of trials, in the order in which they count.
    names
        Names of the two columns to add. Default ``('best', 'best_id')``.
    direction
        ``'minimize'`` or ``'maximize'``. Default ``'minimize'``.

    Returns
    -------
    A new frame. Rows without an objective carry on the best before them, as do those that a
    column ``feasible`` excludes; before the first one that counts, the best is NaN and its id
    None.

    Raises
    ------
    ValueError
        If a column is missing, or the direction is unknown.

    Examples
    --------
    >>> import pandas
    >>> trials = pandas.DataFrame({"id": ["a", "b", "c"], "objective": [3.0, 1.0, 2.0]})
    >>> regret(trials)[["best", "best_id"]].values.tolist()
    [[3.0, 'a'], [1.0, 'b'], [1.0, 'b']]
    """
    best_name, id_name = names
    result = trials.copy()
    if trials.empty:
        sign_of(direction)
        result[best_name], result[id_name] = [], []
        return result
    check_columns(trials, "id", "objective")
    values = losses(trials, direction)
    best = np.fmin.accumulate(values)
    previous = np.concatenate([[np.nan], best[:-1]])
    improves = (values < previous) | (np.isnan(previous) & ~np.isnan(values))
    holder = np.maximum.accumulate(np.where(improves, np.arange(len(values)), -1))
    ids = trials["id"].tolist()
    result[best_name] = sign_of(direction) * best
    holders = [None if row < 0 else ids[row] for row in holder]
    # Of this type, or else None would become NaN.
    result[id_name] = load("pandas", "regret").Series(holders, index=result.index, dtype=object)
    return result
