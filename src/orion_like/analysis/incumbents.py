"""The best objective so far, trial by trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from orion_like.analysis.libraries import load
from orion_like.analysis.trials import check_columns, losses, objectives, sign_of

if TYPE_CHECKING:
    import pandas


def regret(
    trials: pandas.DataFrame,
    names: Sequence[str] = ("best", "best_id"),
    *,
    direction: str = "minimize",
    least_infeasible: bool = False,
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
    least_infeasible
        Whether, as long as no trial is feasible, the one with the least ``violation`` counts as
        the best. Default False.

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
    holders = incumbent_rows(trials, direction, least_infeasible=least_infeasible)
    values, ids = objectives(trials), trials["id"].tolist()
    result[best_name] = [np.nan if row is None else values[row] for row in holders]
    # Of this type, or else None would become NaN.
    result[id_name] = load("pandas", "regret").Series(
        [None if row is None else ids[row] for row in holders], index=result.index, dtype=object
    )
    return result


def incumbent_rows(
    trials: pandas.DataFrame, direction: str, *, least_infeasible: bool
) -> list[int | None]:
    """Return the row of the best trial so far, for each row; None while there is none."""
    values = losses(trials, direction)
    violations = np.zeros(len(values))
    if least_infeasible:
        infeasible = np.isnan(values)
        values[infeasible] = sign_of(direction) * objectives(trials)[infeasible]
        missed = trials["violation"].to_numpy(dtype=float) if "violation" in trials else violations
        violations[infeasible] = np.fmax(missed, np.finfo(float).tiny)[infeasible]
    best, holder = (np.inf, np.inf), None
    holders: list[int | None] = []
    for row, key in enumerate(zip(violations.tolist(), values.tolist(), strict=True)):
        if not np.isnan(key[1]) and (holder is None or key < best):
            best, holder = key, row
        holders.append(holder)
    return holders
