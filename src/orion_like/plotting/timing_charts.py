"""How long experiments took, and what working in parallel cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orion_like.analysis import elapsed_seconds, peak_concurrency
from orion_like.analysis import regret as best_so_far
from orion_like.plotting.figure import color, empty, finished, graph_objects, text
from orion_like.plotting.groups import Experiments, read_groups
from orion_like.plotting.history import History

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

UNITS = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))


def durations(experiments: Experiments, with_evc_tree: bool = True, **layout: Any) -> Figure:
    """Plot the time from the start of the first completed trial to the end of the last.

    Parameters
    ----------
    experiments
        A list of experiments, a dict ``{label: experiment}``, or ``{label: [experiment, …]}``
        of repetitions, whose mean is shown with its standard deviation.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
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
        If there is no experiment, or directions differ.
    """
    groups = read_groups(experiments, with_evc_tree)
    title = "Durations of experiments"
    if not groups:
        return empty(title, layout)
    seconds = {
        label: [elapsed_seconds(history.trials) for history in members]
        for label, members in groups.items()
    }
    unit, factor = _unit_for(max(max(times) for times in seconds.values()))
    averaged = any(len(times) > 1 for times in seconds.values())
    figure = graph_objects().Figure()
    figure.add_bar(
        x=[text(label) for label in seconds],
        y=[float(np.mean(times)) / factor for times in seconds.values()],
        error_y={
            "type": "data",
            "array": [_deviation(times) / factor for times in seconds.values()],
            "visible": averaged,
        },
        marker={"color": [color(index) for index in range(len(seconds))]},
        customdata=[sum(len(history.trials) for history in members) for members in groups.values()],
        hovertemplate=f"%{{x}}: %{{y:.3g}} {unit}<br>%{{customdata}} trials<extra></extra>",
    )
    figure.update_xaxes(title="Experiment", type="category")
    figure.update_yaxes(title=f"{'Mean duration' if averaged else 'Duration'} ({unit})")
    return finished(figure, title, layout)


def parallel_assessment(
    experiments: Experiments,
    with_evc_tree: bool = True,
    objective: str | None = None,
    **layout: Any,
) -> Figure:
    """Plot the best objective of experiments against how parallel they were.

    Parameters
    ----------
    experiments
        A list of experiments, a dict ``{label: experiment}``, or ``{label: [experiment, …]}``
        of experiments that differ in the number of their workers.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    objective
        Name of the objective to show. Default: the first one.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed. The measure is how many trials ran at
    the same time, at most. Experiments with the same label and measure are averaged.

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ValueError
        If there is no experiment, or directions differ.
    """
    groups = read_groups(experiments, with_evc_tree, objective=objective)
    title = "Parallel Assessment"
    if not groups:
        return empty(title, layout)
    figure = graph_objects().Figure()
    measures: set[int] = set()
    for index, (label, members) in enumerate(groups.items()):
        best = _best_by_concurrency(members)
        measures.update(best)
        figure.add_scatter(
            x=list(best),
            y=[float(np.mean(values)) for values in best.values()],
            error_y={"type": "data", "array": [_deviation(values) for values in best.values()]},
            mode="lines+markers",
            name=text(label),
            marker={"color": color(index), "size": 9},
            line={"color": color(index)},
        )
    shown = next(iter(groups.values()))[0].objective
    figure.update_xaxes(
        title="Trials that ran at the same time, at most", tickvals=sorted(measures)
    )
    figure.update_yaxes(title=f"Best {text(shown)}")
    figure.update_layout(showlegend=True)
    return finished(figure, title, layout)


def _best_by_concurrency(members: Sequence[History]) -> Mapping[int, list[float]]:
    found: dict[int, list[float]] = {}
    for history in members:
        best = best_so_far(history.trials, direction=history.direction)["best"].iloc[-1]
        if np.isfinite(best):
            found.setdefault(peak_concurrency(history.trials), []).append(float(best))
    return dict(sorted(found.items()))


def _unit_for(seconds: float) -> tuple[str, float]:
    return next(((unit, factor) for unit, factor in UNITS if seconds >= 2 * factor), UNITS[-1])


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
