"""Models of the objective, fitted to the trials of an experiment."""

from __future__ import annotations

from typing import Any

from orion_like.analysis.libraries import load
from orion_like.analysis.trials import Numbers
from orion_like.spelling import did_you_mean

REGRESSORS = (
    "AdaBoostRegressor",
    "BaggingRegressor",
    "ExtraTreesRegressor",
    "GradientBoostingRegressor",
    "RandomForestRegressor",
)
"""Regressors of scikit-learn that analyses can use."""


def train_regressor(name: str, features: Numbers, objective: Numbers, **kwargs: Any) -> Any:
    """Return a regressor of scikit-learn fitted to trials.

    Parameters
    ----------
    name
        One of :data:`REGRESSORS`.
    features
        One row a trial.
    objective
        One number a trial.
    **kwargs
        Parameters of the regressor, such as `n_estimators` and `random_state`.

    Raises
    ------
    OrionLikeError
        If scikit-learn is not installed.
    ValueError
        If there is no such regressor, or it has no such parameter.
    """
    check_regressor(name)
    regressor = getattr(load("sklearn.ensemble", f"the model {name}"), name)
    try:
        model = regressor(**kwargs)
    except TypeError as error:
        raise ValueError(f"model {name!r}: {error}") from None
    return model.fit(features, objective)


def check_regressor(name: str) -> None:
    """Raise ValueError unless there is a regressor of this name."""
    if name not in REGRESSORS:
        raise ValueError(
            f"model {name!r} is unknown; it is one of {', '.join(REGRESSORS)}"
            f"{did_you_mean(str(name), REGRESSORS)}"
        )
