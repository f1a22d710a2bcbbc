"""Who is ahead of whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orion_like.analysis.trials import check_columns, sign_of

if TYPE_CHECKING:
    import pandas


def ranking(
    trials: pandas.DataFrame,
    group_by: str | Sequence[str] = "order",
    key: str = "best",
    *,
    direction: str = "minimize",
) -> pandas.DataFrame:
    """Rank rows among those that agree in a column.

    Parameters
    ----------
    trials
        Frames of several experiments, one below the other.
    group_by
        Column, or columns, that tell which rows compete. Default ``'order'``.
    key
        Column to compare. Default ``'best'``.
    direction
        Which end of it is best: ``'minimize'`` or ``'maximize'``. Default ``'minimize'``.

    Returns
    -------
    A new frame with a column ``rank``: 0 is the best. Rows that are level share the mean of
    their ranks, so that the ranks of a group always have the same sum; NaN is last.

    Raises
    ------
    ValueError
        If a column is missing, or the direction is unknown.

    Examples
    --------
    >>> import pandas
    >>> trials = pandas.DataFrame({"order": [0, 0, 0], "best": [4.0, 1.0, 2.0]})
    >>> ranking(trials)["rank"].tolist()
    [2.0, 0.0, 1.0]
    """
    sign = sign_of(direction)
    ranked = trials.copy()
    if trials.empty:
        ranked["rank"] = []
        return ranked
    columns = [group_by] if isinstance(group_by, str) else list(group_by)
    check_columns(trials, *columns, key)
    groups = (sign * trials[key]).groupby([trials[column] for column in columns])
    ranked["rank"] = groups.rank(na_option="bottom") - 1.0
    return ranked
