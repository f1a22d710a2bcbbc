"""Several objectives: the Pareto front, and how it grew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orion_like.analysis import hypervolume, reference_of
from orion_like.analysis import pareto_front as efficient
from orion_like.errors import ObjectiveError
from orion_like.plotting.figure import color, empty, finished, graph_objects, text
from orion_like.plotting.history import History, check_objectives, read_history
from orion_like.plotting.hover import hover_labels

if TYPE_CHECKING:
    import pandas
    from plotly.graph_objects import Figure

    from orion_like.client import ExperimentClient


def pareto_front(
    experiment: ExperimentClient | None,
    with_evc_tree: bool = True,
    objectives: Sequence[str] | None = None,
    verbose_hover: bool = True,
    **layout: Any,
) -> Figure:
    """Plot the objectives of each trial against each other, with the Pareto front.

    The front has the feasible trials that no other one beats in all objectives of the
    experiment. Trials that violate constraints are crosses.

    Parameters
    ----------
    experiment
        The experiment.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    objectives
        Names of the objectives to show: two in a plane, three in space, more in all planes.
        Default: all.
    verbose_hover
        Whether to show all about a trial when the pointer is on it. Default True.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed.

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ObjectiveError
        If the experiment has one objective, or none of a name.
    ValueError
        If there is no experiment.
    """
    history = _several(read_history(experiment, with_evc_tree))
    names = list(history.directions if objectives is None else objectives)
    check_objectives(names, history.directions, history.name)
    if len(set(names)) < 2:
        raise ObjectiveError(f"a Pareto front is drawn of two objectives or more, not of {names}")
    title = f"Pareto front for experiment '{text(history.name)}'"
    if history.is_empty:
        return empty(title, layout)
    figure = graph_objects().Figure()
    for label, trials, marker in _groups(history):
        _add(figure, label, trials, names, marker, _labels(history, trials, verbose_hover))
    if names == list(history.directions) and len(names) == 2:
        _connect(figure, history)
    _name_axes(figure, names)
    figure.update_layout(showlegend=True)
    return finished(figure, title, layout)


def hypervolume_history(
    experiment: ExperimentClient | None,
    with_evc_tree: bool = True,
    order_by: str = "suggested",
    reference_point: Sequence[float] | None = None,
    **layout: Any,
) -> Figure:
    """Plot the volume that the Pareto front dominates, trial by trial.

    Parameters
    ----------
    experiment
        The experiment.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    order_by
        Time by which trials are ordered: ``'suggested'``, ``'reserved'`` or ``'completed'``.
        Default ``'suggested'``.
    reference_point
        The worst value of each objective that still counts, in the order of declaration.
        Default: what the objectives declare, else the worst along the last front and a tenth of
        its extent beyond.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed.

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ObjectiveError
        If the experiment has one objective, or the reference point is not one number for each.
    ValueError
        If there is no experiment, or no such order.
    """
    history = _several(read_history(experiment, with_evc_tree, order_by))
    if reference_point is None and experiment is not None:
        front = experiment.stats.pareto_front
        reference_point = None if front is None else front.reference_point
    title = f"Hypervolume for experiment '{text(history.name)}'"
    if history.is_empty:
        return empty(title, layout)
    if reference_point is None:
        reference_point = reference_of(history.trials, history.directions)
    trials = hypervolume(history.trials, history.directions, reference_point)
    figure = graph_objects().Figure()
    figure.add_scatter(
        x=list(range(1, len(trials) + 1)),
        y=trials["hypervolume"].tolist(),
        customdata=trials["id"].tolist(),
        mode="lines",
        line={"color": color(1), "shape": "hv", "width": 2},
        hovertemplate="hypervolume: %{y}<br>ID: %{customdata}<extra></extra>",
    )
    corner = zip(history.directions, reference_point, strict=True)
    worst = ", ".join(f"{text(name)} {value:.3g}" for name, value in corner)
    figure.update_xaxes(title=f"Trials ordered by {order_by} time")
    figure.update_yaxes(title=f"Hypervolume up to {worst}", rangemode="tozero")
    return finished(figure, title, layout)


def _several(history: History) -> History:
    if len(history.directions) < 2:
        raise ObjectiveError(
            f"experiment {history.name!r} has one objective, {history.objective!r}; a Pareto front "
            "needs several (objectives=['loss', 'accuracy:maximize'])"
        )
    return history


def _groups(history: History) -> list[tuple[str, pandas.DataFrame, dict[str, Any]]]:
    """Return the trials that are not feasible, that are dominated, and that are the front."""
    trials = history.trials
    in_front = trials.index.isin(efficient(trials, history.directions).index)
    feasible = trials["feasible"].eq(True) if "feasible" in trials else trials["id"].notna()
    groups: list[tuple[str, pandas.DataFrame, dict[str, Any]]] = [
        ("infeasible", trials[~feasible], {"color": color(6), "symbol": "x", "opacity": 0.5}),
        ("dominated", trials[feasible & ~in_front], {"color": color(0), "opacity": 0.5}),
        ("Pareto front", trials[in_front], {"color": color(1)}),
    ]
    return [group for group in groups if not group[1].empty]


def _labels(history: History, trials: pandas.DataFrame, verbose_hover: bool) -> list[str]:
    labels = hover_labels(history, verbose_hover)
    return [labels[row] for row in trials.index]


def _add(
    figure: Figure,
    label: str,
    trials: pandas.DataFrame,
    names: Sequence[str],
    marker: dict[str, Any],
    labels: list[str],
) -> None:
    columns = [trials[f"objective.{name}"].astype(float).tolist() for name in names]
    shared = {"name": label, "hovertext": labels, "hoverinfo": "text"}
    if len(names) == 2:
        figure.add_scatter(
            x=columns[0], y=columns[1], mode="markers", marker={**marker, "size": 7}, **shared
        )
    elif len(names) == 3:
        x, y, z = columns
        figure.add_scatter3d(x=x, y=y, z=z, mode="markers", marker={**marker, "size": 4}, **shared)
    else:
        figure.add_splom(
            dimensions=[
                {"label": text(name), "values": values}
                for name, values in zip(names, columns, strict=True)
            ],
            diagonal={"visible": False},
            showupperhalf=False,
            marker={**marker, "size": 5},
            **shared,
        )


def _connect(figure: Figure, history: History) -> None:
    """Draw the border of what a front in a plane dominates."""
    first, second = history.directions
    front = efficient(history.trials, history.directions)
    front = front.sort_values(
        f"objective.{first}", ascending=history.directions[first] == "minimize"
    )
    figure.add_scatter(
        x=front[f"objective.{first}"].astype(float).tolist(),
        y=front[f"objective.{second}"].astype(float).tolist(),
        mode="lines",
        line={"color": color(1), "shape": "hv", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )


def _name_axes(figure: Figure, names: Sequence[str]) -> None:
    if len(names) == 2:
        figure.update_xaxes(title=text(names[0]))
        figure.update_yaxes(title=text(names[1]))
    elif len(names) == 3:
        titles = {f"{axis}axis_title": text(name) for axis, name in zip("xyz", names, strict=True)}
        figure.update_scenes(**titles)
