"""What trials reported while they ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from orion_like.plotting.figure import color, empty, finished, graph_objects, lines, text
from orion_like.spelling import did_you_mean
from orion_like.storage.metrics import DEFAULT_GROUP, Report
from orion_like.trial import Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from orion_like.client import ExperimentClient

_STYLES: Mapping[str, tuple[str, str]] = {
    # what a trial is: colour and dash of its curve
    "completed": (color(0), "solid"),
    "stopped": (color(1), "dot"),
    "other": (color(6), "dash"),
}


def intermediate_values(
    experiment: ExperimentClient | None,
    objective: str | None = None,
    group: str = DEFAULT_GROUP,
    verbose_hover: bool = True,
    **layout: Any,
) -> Figure:
    """Plot the learning curve of each trial.

    Curves of trials that were stopped early are dotted, those of trials that run, broke or wait
    are dashed.

    Parameters
    ----------
    experiment
        The experiment.
    objective
        Name of the reported value. Default: the first objective.
    group
        Group of the reports. Default ``'validation'``.
    verbose_hover
        Whether to show the parameters of a trial when the pointer is on its curve. Default True.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial has reported.

    Raises
    ------
    OrionLikeError
        If plotly is not installed.
    ValueError
        If there is no experiment, or no value of that name was reported.
    """
    if experiment is None:
        raise ValueError("figures need an experiment, not None")
    title = f"Intermediate values for experiment '{text(experiment.name)}'"
    reports = experiment.fetch_metrics(group=group)
    if not reports:
        return empty(title, layout, "No trial has reported yet")
    name = _name(experiment, reports, objective)
    figure = graph_objects().Figure()
    trials = {trial._id: trial for trial in experiment.fetch_trials()}
    shown: set[str] = set()
    for uid, curve in groupby(reports, key=lambda report: report.trial):
        points = [(report.step, report.values[name]) for report in curve if name in report.values]
        if uid in trials and points:
            _add_curve(figure, trials[uid], points, name, shown, verbose_hover)
    figure.update_xaxes(title="step")
    figure.update_yaxes(title=text(name))
    return finished(figure, title, layout)


def _name(experiment: ExperimentClient, reports: Sequence[Report], asked: str | None) -> str:
    """Return the name of the value to show; the only one that was reported may have any."""
    names = sorted({name for report in reports for name in report.values})
    first: str = experiment.experiment.objectives[0]["name"]
    name = asked or (first if first in names or len(names) > 1 else names[0])
    if name not in names:
        raise ValueError(
            f"no trial of experiment {experiment.name!r} has reported {name!r}, but "
            f"{', '.join(names)}{did_you_mean(name, names)}"
        )
    return name


def _add_curve(
    figure: Figure,
    trial: Trial,
    points: Sequence[tuple[int, float]],
    name: str,
    shown: set[str],
    verbose: bool,
) -> None:
    kind = "stopped" if trial.is_stopped else trial.status
    kind = kind if kind in _STYLES else "other"
    line_color, dash = _STYLES[kind]
    facts: dict[str, Any] = {"ID": trial.id, "number": trial.number, "status": trial.status}
    if trial.reason:
        facts["reason"] = trial.reason
    label = lines(facts | (trial.flat_params if verbose else {}))
    figure.add_scatter(
        x=[step for step, _ in points],
        y=[value for _, value in points],
        mode="lines+markers",
        name=kind,
        legendgroup=kind,
        showlegend=kind not in shown,
        line={"color": line_color, "dash": dash, "width": 1},
        marker={"size": 4},
        opacity=0.8,
        hovertemplate=f"step %{{x}}<br>{text(name)}: %{{y}}<br>{label}<extra></extra>",
    )
    shown.add(kind)
