"""Experiments compared trial by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orion_like.analysis import average, ranking
from orion_like.analysis import regret as best_so_far
from orion_like.analysis.libraries import load
from orion_like.plotting.figure import color, empty, finished, graph_objects, text, translucent
from orion_like.plotting.groups import Experiments, read_groups
from orion_like.plotting.history import History, check_order

if TYPE_CHECKING:
    import pandas
    from plotly.graph_objects import Figure


def regrets(
    experiments: Experiments,
    with_evc_tree: bool = True,
    order_by: str = "suggested",
    objective: str | None = None,
    **layout: Any,
) -> Figure:
    """Plot the best objective so far of several experiments.

    Parameters
    ----------
    experiments
        A list of experiments, a dict ``{label: experiment}``, or ``{label: [experiment, …]}``
        of repetitions, whose mean is shown with its standard deviation.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    order_by
        Time by which trials are ordered: ``'suggested'``, ``'reserved'`` or ``'completed'``.
        Default ``'suggested'``.
    objective
        Name of the objective to show. Default: the first one.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed. The mean of repetitions ends with the
    shortest of them.

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ValueError
        If there is no experiment or no such order, or directions differ.
    """
    check_order(order_by)
    groups = read_groups(experiments, with_evc_tree, order_by, objective=objective)
    title = "Average Regret" if _is_averaged(groups) else "Regret"
    if not groups:
        return empty(title, layout)
    figure = graph_objects().Figure()
    for index, (label, members) in enumerate(groups.items()):
        curves = [_curve(history) for history in members]
        _add_band(figure, label, _cut_to_shortest(curves), "best", index)
    return _labelled(figure, title, order_by, _objective(groups), layout)


def rankings(
    experiments: Experiments,
    with_evc_tree: bool = True,
    order_by: str = "suggested",
    objective: str | None = None,
    **layout: Any,
) -> Figure:
    """Plot how experiments rank by their best objective so far; 0 is ahead.

    Parameters
    ----------
    experiments
        A list of experiments, a dict ``{label: experiment}``, or ``{label: [experiment, …]}``
        of repetitions: the first ones compete with each other, then the second ones, and so
        on, and the mean rank is shown with its standard deviation.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    order_by
        Time by which trials are ordered: ``'suggested'``, ``'reserved'`` or ``'completed'``.
        Default ``'suggested'``.
    objective
        Name of the objective to show. Default: the first one.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed. It ends with the shortest experiment.

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ValueError
        If there is no experiment or no such order, directions differ, or labels do not have
        the same number of repetitions.
    """
    check_order(order_by)
    groups = read_groups(experiments, with_evc_tree, order_by, objective=objective)
    title = "Average Rankings" if _is_averaged(groups) else "Rankings"
    if not groups:
        return empty(title, layout)
    counts = {label: len(members) for label, members in groups.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(
            "rankings need as many completed repetitions under each label, not "
            + ", ".join(f"{count} under {label!r}" for label, count in counts.items())
        )
    ranks = _ranks(groups)
    figure = graph_objects().Figure()
    for index, label in enumerate(groups):
        _add_band(figure, label, ranks[ranks["label"] == label], "rank", index)
    return _labelled(figure, title, order_by, "Rank (0 is best)", layout)


def _is_averaged(groups: Mapping[str, Sequence[History]]) -> bool:
    return any(len(members) > 1 for members in groups.values())


def _objective(groups: Mapping[str, Sequence[History]]) -> str:
    names = {history.objective for members in groups.values() for history in members}
    return names.pop() if len(names) == 1 else "objective"


def _curve(history: History) -> pandas.DataFrame:
    curve = best_so_far(history.trials, direction=history.direction)
    return curve.assign(order=range(1, len(curve) + 1))[["order", "best"]]


def _cut_to_shortest(curves: Sequence[pandas.DataFrame]) -> pandas.DataFrame:
    length = min(len(curve) for curve in curves)
    frame: pandas.DataFrame = load("pandas", "plotting").concat(
        [curve[:length] for curve in curves], ignore_index=True
    )
    return frame


def _ranks(groups: Mapping[str, Sequence[History]]) -> pandas.DataFrame:
    curves = [
        _curve(history).assign(label=label, repetition=repetition)
        for label, members in groups.items()
        for repetition, history in enumerate(members)
    ]
    direction = next(iter(groups.values()))[0].direction
    return ranking(_cut_to_shortest(curves), ["repetition", "order"], direction=direction)


def _add_band(figure: Figure, label: str, curves: pandas.DataFrame, key: str, index: int) -> None:
    """Add the mean of curves, and their standard deviation if there are several."""
    averaged = average(curves, key=key, return_var=True)
    x = averaged["order"].tolist()
    mean = averaged[f"{key}_mean"].to_numpy(dtype=float)
    variance = averaged[f"{key}_var"].to_numpy(dtype=float)
    if np.isfinite(variance).any():
        std = np.sqrt(np.nan_to_num(variance))
        inside = np.isfinite(mean)
        upper, lower = (mean + std)[inside].tolist(), (mean - std)[inside].tolist()
        shown = [number for number, is_inside in zip(x, inside, strict=True) if is_inside]
        figure.add_scatter(
            x=[*shown, *reversed(shown)],
            y=[*upper, *reversed(lower)],
            fill="toself",
            fillcolor=translucent(color(index), 0.2),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=label,
        )
    figure.add_scatter(
        x=x,
        y=mean.tolist(),
        mode="lines",
        name=text(label),
        legendgroup=label,
        line={"color": color(index), "width": 2},
        hovertemplate=f"{text(label)}: %{{y}}<extra></extra>",
    )


def _labelled(
    figure: Figure, title: str, order_by: str, quantity: str, layout: Mapping[str, Any]
) -> Figure:
    figure.update_xaxes(title=f"Trials ordered by {order_by} time")
    figure.update_yaxes(title=text(quantity))
    figure.update_layout(showlegend=True)
    return finished(figure, title, layout)
