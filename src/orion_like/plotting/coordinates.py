"""All trials as lines across parallel axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orion_like.analysis import flatten_params, flatten_trials
from orion_like.analysis.features import Features
from orion_like.plotting.axis import axis_of
from orion_like.plotting.figure import GOOD_TO_BAD, empty, finished, graph_objects, text
from orion_like.plotting.history import History, read_history

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from orion_like.client import ExperimentClient


def parallel_coordinates(
    experiment: ExperimentClient | None,
    with_evc_tree: bool = True,
    order: Sequence[str] | None = None,
    objective: str | None = None,
    **layout: Any,
) -> Figure:
    """Plot each trial as a line through its values and its objectives.

    Parameters
    ----------
    experiment
        The experiment.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    order
        Names of the parameters to show, from left to right. Default: all, in the order of the
        space. The objectives are always last.
    objective
        Name of the objective to show. Default: the first one.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed. Values of parameters that are inactive
    in a trial stand below the others.

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ValueError
        If there is no experiment, or no parameter of a name.
    """
    history = read_history(experiment, with_evc_tree, objective=objective)
    names = flatten_params(history.space, order)
    title = f"Parallel Coordinates Plot for experiment '{text(history.name)}'"
    if history.is_empty:
        return empty(title, layout)
    objectives = _objectives(history)
    figure = graph_objects().Figure()
    figure.add_parcoords(
        line={
            "color": objectives[-1]["values"],
            "colorscale": GOOD_TO_BAD,
            "reversescale": history.direction == "maximize",
            "showscale": True,
            "colorbar": {"title": {"text": text(history.objective)}},
        },
        dimensions=[
            *_dimensions(history, names),
            *objectives,
        ],
        labelangle=-20 if len(names) > 6 else 0,
        labelside="top",
    )
    figure.update_layout(margin={"t": 120})
    return finished(figure, title, layout)


def _objectives(history: History) -> list[dict[str, Any]]:
    """Return the axes of the objectives; the last is that of the one that is shown."""
    others = [name for name in history.directions if name != history.objective]
    columns = {name: f"objective.{name}" for name in others} | {history.objective: "objective"}
    return [
        {"label": text(name), "values": history.trials[column].astype(float).tolist()}
        for name, column in columns.items()
    ]


def _dimensions(history: History, names: Sequence[str]) -> list[dict[str, Any]]:
    features = Features(history.space)
    values = flatten_trials(history.trials, history.space)
    dimensions = []
    for name in names:
        axis = axis_of(features.dimension(name), values[name])
        dimension: dict[str, Any] = {
            "label": text(name),
            "values": axis.positions,
            "range": [axis.low, axis.high],
        }
        if axis.ticks:
            dimension["tickvals"] = [position for position, _ in axis.ticks]
            dimension["ticktext"] = [label for _, label in axis.ticks]
        dimensions.append(dimension)
    return dimensions
