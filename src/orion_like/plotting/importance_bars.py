"""How much each parameter matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orion_like.analysis import lpi as local_importance
from orion_like.plotting.figure import color, empty, finished, graph_objects, text
from orion_like.plotting.history import read_history

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from orion_like.client import ExperimentClient


def lpi(
    experiment: ExperimentClient | None,
    with_evc_tree: bool = True,
    model: str = "RandomForestRegressor",
    model_kwargs: Mapping[str, Any] | None = None,
    n_points: int = 20,
    n_runs: int = 10,
    objective: str | None = None,
    **layout: Any,
) -> Figure:
    """Plot the local importance of parameters: how much each matters near the best trial.

    Parameters
    ----------
    experiment
        The experiment.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    model
        Regressor, see :data:`orion_like.analysis.REGRESSORS`. Default
        ``'RandomForestRegressor'``.
    model_kwargs
        Parameters of the regressor.
    n_points
        How many values a parameter runs through. Default 20.
    n_runs
        How many regressors are trained; their standard deviation is shown. Default 10.
    objective
        Name of the objective to show. Default: the first one.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed.

    Raises
    ------
    OrionLikeError
        If plotly, pandas or scikit-learn is not installed.
    ValueError
        If there is no experiment, or an argument is not one of those above.
    """
    history = read_history(experiment, with_evc_tree, objective=objective)
    importance = local_importance(
        history.trials,
        history.space,
        model=model,
        n_points=n_points,
        n_runs=n_runs,
        direction=history.direction,
        **(model_kwargs or {}),
    )
    title = f"LPI for experiment '{text(history.name)}'"
    if importance.empty:
        return empty(title, layout)
    figure = graph_objects().Figure()
    figure.add_bar(
        x=[text(name) for name in importance.index],
        y=importance["LPI"].tolist(),
        error_y={"type": "data", "array": importance["STD"].tolist()},
        marker={"color": color(0)},
        hovertemplate="%{x}: %{y:.3f}<extra></extra>",
    )
    figure.update_xaxes(title="Hyperparameters", type="category")
    figure.update_yaxes(title="Local Parameter Importance (LPI)", rangemode="tozero")
    return finished(figure, title, layout)
