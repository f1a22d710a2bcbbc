"""Means over repetitions of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_like.analysis.libraries import load
from orion_like.analysis.trials import check_columns

if TYPE_CHECKING:
    import pandas


def average(
    trials: pandas.DataFrame,
    group_by: str = "order",
    key: str = "best",
    return_var: bool = False,
) -> pandas.DataFrame:
    """Average a column over the rows that agree in another one.

    Parameters
    ----------
    trials
        Frames of several experiments, one below the other.
    group_by
        Column that tells which rows are averaged. Default ``'order'``.
    key
        Column to average. Default ``'best'``.
    return_var
        Whether to give the sample variance too. Default False.

    Returns
    -------
    Frame with the columns `group_by`, ``{key}_mean`` and, if asked for, ``{key}_var``, which
    is NaN for single rows.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas
    >>> trials = pandas.DataFrame({"order": [0, 1, 0, 1], "best": [4.0, 2.0, 2.0, 1.0]})
    >>> average(trials, return_var=True).values.tolist()
    [[0.0, 3.0, 2.0], [1.0, 1.5, 0.5]]
    """
    names = [group_by, f"{key}_mean", *([f"{key}_var"] if return_var else [])]
    if trials.empty:
        return load("pandas", "average").DataFrame(columns=names)
    check_columns(trials, group_by, key)
    figures = ["mean", "var"] if return_var else ["mean"]
    averaged = trials.groupby(group_by)[key].agg(figures).reset_index()
    averaged.columns = names
    return averaged
