"""The progress of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orion_like.analysis import regret as best_so_far
from orion_like.plotting.figure import color, empty, finished, graph_objects, text
from orion_like.plotting.history import History, read_history
from orion_like.plotting.hover import hover_labels

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from orion_like.client import ExperimentClient


def regret(
    experiment: ExperimentClient | None,
    with_evc_tree: bool = True,
    order_by: str = "suggested",
    verbose_hover: bool = True,
    objective: str | None = None,
    **layout: Any,
) -> Figure:
    """Plot the objective of each trial, and the best one so far.

    Trials that violate constraints are crosses. Until one is feasible, a dotted line shows the
    objective of the one that violates them least.

    Parameters
    ----------
    experiment
        The experiment.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    order_by
        Time by which trials are ordered: ``'suggested'``, ``'reserved'`` or ``'completed'``.
        Default ``'suggested'``.
    verbose_hover
        Whether to show all about a trial when the pointer is on it. Default True.
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
        If plotly or pandas is not installed.
    ValueError
        If there is no experiment, or no such order.
    """
    history = read_history(experiment, with_evc_tree, order_by, objective=objective)
    title = f"Regret for experiment '{text(history.name)}'"
    if history.is_empty:
        return empty(title, layout)
    figure = graph_objects().Figure()
    _add_trials(figure, history, verbose_hover)
    _add_best(figure, history)
    figure.update_xaxes(title=f"Trials ordered by {order_by} time")
    figure.update_yaxes(title=text(history.objective))
    return finished(figure, title, layout)


def _add_trials(figure: Figure, history: History, verbose_hover: bool) -> None:
    trials = history.trials
    feasible = trials.get("feasible", [True] * len(trials))
    figure.add_scatter(
        x=list(range(1, len(trials) + 1)),
        y=trials["objective"].astype(float).tolist(),
        mode="markers",
        name="trials",
        marker={
            "color": color(0),
            "opacity": 0.7,
            "symbol": ["circle" if good else "x-thin-open" for good in feasible],
        },
        hovertext=hover_labels(history, verbose_hover),
        hoverinfo="text",
    )


def _add_best(figure: Figure, history: History) -> None:
    trials = best_so_far(history.trials, direction=history.direction)
    order = list(range(1, len(trials) + 1))
    waiting = int(trials["best"].isna().sum())
    if waiting:
        least = best_so_far(history.trials, direction=history.direction, least_infeasible=True)
        # Up to the first feasible trial, so that the two lines meet.
        shown = least[: waiting + 1]
        figure.add_scatter(
            x=order[: waiting + 1],
            y=shown["best"].tolist(),
            customdata=shown["best_id"].tolist(),
            mode="lines",
            line={"color": color(1), "shape": "hv", "width": 2, "dash": "dot"},
            name="least infeasible",
            hovertemplate="least infeasible: %{y}<br>ID: %{customdata}<extra></extra>",
        )
    figure.add_scatter(
        x=order,
        y=trials["best"].tolist(),
        customdata=trials["best_id"].tolist(),
        mode="lines",
        line={"color": color(1), "shape": "hv", "width": 2},
        name="best-to-date",
        hovertemplate="best: %{y}<br>ID: %{customdata}<extra></extra>",
    )
