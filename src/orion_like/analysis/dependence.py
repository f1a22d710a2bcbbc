"""Partial dependence of the objective on one or two parameters.

Friedman: Greedy function approximation: a gradient boosting machine. Annals of Statistics 29
(2001), section 8.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from orion_like.analysis.features import Features, Grid
from orion_like.analysis.regressor import check_regressor, train_regressor
from orion_like.analysis.trials import Numbers, objectives, with_objective

if TYPE_CHECKING:
    import pandas

    from orion_like.space import Space

SEED = 1


class PartialDependence(NamedTuple):
    """The objective that a model expects while one or two parameters are given.

    Parameters
    ----------
    grid
        Values of each of these parameters, by name.
    averages
        Expected objective at each of them; with two parameters, a matrix with a row for each
        value of the first.
    stds
        Standard deviation over the values of the other parameters.
    """

    grid: dict[str, list[Any]]
    averages: Numbers
    stds: Numbers


def partial_dependency(
    trials: pandas.DataFrame,
    space: Space,
    params: Sequence[str] | None = None,
    model: str = "RandomForestRegressor",
    n_grid_points: int = 10,
    n_samples: int = 50,
    **kwargs: Any,
) -> dict[str | tuple[str, str], PartialDependence]:
    """Return how the objective depends on single parameters and on pairs of them.

    A regressor of the objective predicts it at each value of the parameters in question,
    while the others are drawn from their priors.

    Parameters
    ----------
    trials
        Frame of trials.
    space
        Their search space.
    params
        Names of dimensions, or of elements of arrays. Default: all.
    model
        Regressor, see :data:`orion_like.analysis.REGRESSORS`. Default
        ``'RandomForestRegressor'``.
    n_grid_points
        How many values of a parameter. Default 10.
    n_samples
        How many draws of the other parameters. Default 50.
    **kwargs
        Parameters of the regressor. `random_state` has the default 1.

    Returns
    -------
    A :class:`PartialDependence` for each name, and for each pair of names, the one that comes
    first in `params` before the other. Without any objective there are none. A conditional
    parameter is looked at where it is active; pairs that are never active together are left
    out.

    Raises
    ------
    OrionLikeError
        If scikit-learn is not installed.
    ValueError
        If an argument is not one of those above.
    """
    features = Features(space)
    names = features.select(params)
    check_regressor(model)
    if n_grid_points < 2 or n_samples < 1:
        raise ValueError(
            "n_grid_points must be at least 2 and n_samples at least 1, "
            f"not {n_grid_points} and {n_samples}"
        )
    finished = with_objective(trials)
    if finished.empty:
        return {}
    regressor = train_regressor(
        model,
        features.encode(finished),
        objectives(finished),
        **{"random_state": SEED, **kwargs},
    )
    grids = {name: features.grid(name, n_grid_points) for name in names}
    found: dict[str | tuple[str, str], PartialDependence] = {}
    for chosen in [*((name,) for name in names), *combinations(names, 2)]:
        dependence = _dependence(
            features, regressor, {name: grids[name] for name in chosen}, n_samples
        )
        if dependence is not None:
            found[chosen[0] if len(chosen) == 1 else (chosen[0], chosen[1])] = dependence
    return found


def _dependence(
    features: Features, regressor: Any, grids: dict[str, Grid], n_samples: int
) -> PartialDependence | None:
    names = list(grids)
    # The same draws for all, so that figures can be compared.
    samples = features.sample(np.random.default_rng(SEED), n_samples, names)
    if not len(samples):
        return None
    decides = any(features.decides(name) for name in names)
    if not decides:
        samples = features.deactivate(samples)
    codes = np.meshgrid(*(grid.codes for grid in grids.values()), indexing="ij")
    shape = codes[0].shape
    rows = np.tile(samples, (codes[0].size, 1))
    for name, values in zip(names, codes, strict=True):
        rows[:, features.position(name)] = np.repeat(values.ravel(), len(samples))
    if decides:
        rows = features.deactivate(rows)
    predicted = regressor.predict(rows).reshape(-1, len(samples))
    return PartialDependence(
        {name: grid.values for name, grid in grids.items()},
        predicted.mean(axis=1).reshape(shape),
        predicted.std(axis=1).reshape(shape),
    )
