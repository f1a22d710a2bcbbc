"""Local parameter importance.

Biedenkapp, Marben, Lindauer, Hutter: CAVE: Configuration assessment, visualization and
evaluation. Learning and Intelligent Optimization (LION), 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from orion_like.analysis.features import Features
from orion_like.analysis.incumbents import incumbent_rows
from orion_like.analysis.libraries import load
from orion_like.analysis.regressor import check_regressor, train_regressor
from orion_like.analysis.trials import Numbers, objectives, sign_of, with_objective

if TYPE_CHECKING:
    import pandas

    from orion_like.space import Space

MODES = ("best", "linear")
MAX_SEED = 2**31 - 1


def lpi(
    trials: pandas.DataFrame,
    space: Space,
    mode: str = "best",
    model: str = "RandomForestRegressor",
    n_points: int = 20,
    n_runs: int = 10,
    *,
    direction: str = "minimize",
    **kwargs: Any,
) -> pandas.DataFrame:
    """Return how much each parameter matters near the best trial.

    A regressor of the objective is asked how much its prediction varies while one parameter
    runs through its range and the others stay as they are. The share of a parameter in the
    variances of all is its importance.

    Parameters
    ----------
    trials
        Frame of trials.
    space
        Their search space.
    mode
        What the others stay at: ``'best'``, the best trial, or ``'linear'``, the points on a
        line from one corner of the space to the opposite one, in turn. Default ``'best'``.
    model
        Regressor, see :data:`orion_like.analysis.REGRESSORS`. Default
        ``'RandomForestRegressor'``.
    n_points
        How many values a parameter runs through. Default 20.
    n_runs
        How many regressors are trained, with different seeds. Default 10.
    direction
        ``'minimize'`` or ``'maximize'``. Default ``'minimize'``.
    **kwargs
        Parameters of the regressor. `random_state` seeds all runs; default 1.

    Returns
    -------
    Frame with a row for each name of `flatten_params`, and columns ``LPI``, the mean of the
    runs, which sums up to 1 (or to 0 if nothing matters), and ``STD``, their standard
    deviation. Without any objective it has no rows. What is inactive in the best trial has
    the importance 0.

    Raises
    ------
    OrionLikeError
        If pandas or scikit-learn is not installed.
    ValueError
        If an argument is not one of those above.
    """
    pandas = load("pandas", "lpi")
    _check(mode, n_points, n_runs)
    check_regressor(model)
    sign_of(direction)
    finished = with_objective(trials)
    if finished.empty:
        return pandas.DataFrame(columns=["LPI", "STD"], dtype=float)
    features = Features(space)
    rows, objective = features.encode(finished), objectives(finished)
    if mode == "best":
        best = incumbent_rows(finished, direction, least_infeasible=True)[-1]
        anchors = rows[[0 if best is None else best]]
    else:
        anchors = _line(features, n_points)
    blocks = _variations(features, anchors, n_points)
    seeds = np.random.RandomState(kwargs.pop("random_state", 1)).randint(MAX_SEED, size=n_runs)
    runs = []
    for seed in seeds.tolist():
        regressor = train_regressor(model, rows, objective, random_state=seed, **kwargs)
        runs.append(_shares(regressor, blocks, len(anchors)))
    return pandas.DataFrame(
        {"LPI": np.mean(runs, axis=0), "STD": np.std(runs, axis=0)}, index=features.names
    )


def _check(mode: str, n_points: int, n_runs: int) -> None:
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is unknown; it is one of {', '.join(map(repr, MODES))}")
    if n_points < 2 or n_runs < 1:
        raise ValueError(
            f"n_points must be at least 2 and n_runs at least 1, not {n_points} and {n_runs}"
        )


def _line(features: Features, n_points: int) -> Numbers:
    columns = []
    for name in features.names:
        codes = features.grid(name, n_points).codes
        columns.append(codes[np.linspace(0, len(codes) - 1, n_points).round().astype(int)])
    return np.column_stack(columns)


def _variations(features: Features, anchors: Numbers, n_points: int) -> list[Numbers]:
    """Return rows for each anchor and column in which only that column differs."""
    blocks = []
    for anchor in features.complete(anchors):
        for position, name in enumerate(features.names):
            codes = features.grid(name, n_points).codes
            block = np.tile(anchor, (len(codes), 1))
            block[:, position] = codes
            blocks.append(features.deactivate(block))
    return blocks


def _shares(regressor: Any, blocks: list[Numbers], n_anchors: int) -> Numbers:
    predicted = regressor.predict(np.concatenate(blocks))
    ends = np.cumsum([len(block) for block in blocks])[:-1]
    variances = np.array([part.var() for part in np.split(predicted, ends)])
    variances = variances.reshape(n_anchors, -1)
    totals = variances.sum(axis=1, keepdims=True)
    shares = np.divide(variances, totals, out=np.zeros_like(variances), where=totals > 0)
    averaged: Numbers = shares.mean(axis=0)
    return averaged
