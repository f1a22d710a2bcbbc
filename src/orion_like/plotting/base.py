"""All figures by name, and the way to those of one experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from orion_like.plotting.comparison import rankings, regrets
from orion_like.plotting.coordinates import parallel_coordinates
from orion_like.plotting.dependence_matrix import partial_dependencies
from orion_like.plotting.importance_bars import lpi
from orion_like.plotting.learning_curves import intermediate_values
from orion_like.plotting.pareto import hypervolume_history, pareto_front
from orion_like.plotting.regret_curve import regret
from orion_like.plotting.timing_charts import durations, parallel_assessment
from orion_like.spelling import did_you_mean

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from orion_like.client import ExperimentClient

__all__ = [
    "PLOT_METHODS",
    "SINGLE_EXPERIMENT_PLOTS",
    "PlotAccessor",
    "durations",
    "hypervolume_history",
    "intermediate_values",
    "lpi",
    "parallel_assessment",
    "parallel_coordinates",
    "pareto_front",
    "partial_dependencies",
    "rankings",
    "regret",
    "regrets",
]

SINGLE_EXPERIMENT_PLOTS: Mapping[str, Callable[..., Any]] = {
    "hypervolume_history": hypervolume_history,
    "intermediate_values": intermediate_values,
    "lpi": lpi,
    "parallel_coordinates": parallel_coordinates,
    "pareto_front": pareto_front,
    "partial_dependencies": partial_dependencies,
    "regret": regret,
}
"""Figures of one experiment."""

PLOT_METHODS: Mapping[str, Callable[..., Any]] = {
    **SINGLE_EXPERIMENT_PLOTS,
    "regrets": regrets,
    "rankings": rankings,
    "parallel_assessment": parallel_assessment,
    "durations": durations,
}
"""All figures."""


class PlotAccessor:
    """Figures of an experiment.

    Parameters
    ----------
    experiment
        The experiment.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> from orion_like.client import workon
    >>> experiment = workon(lambda x: x**2, {"x": "uniform(-1, 1)"}, max_trials=5, seed=1)
    >>> experiment.plot.regret().layout.title.text
    "Regret for experiment 'loop'"
    >>> experiment.plot(kind="parallel_coordinates").data[0].type
    'parcoords'
    """

    def __init__(self, experiment: ExperimentClient) -> None:
        if experiment is None:
            raise ValueError("figures need an experiment, not None")
        self._experiment = experiment

    def __call__(self, kind: str = "regret", **kwargs: Any) -> Figure:
        """Return a figure.

        Parameters
        ----------
        kind
            ``intermediate_values``, ``lpi``, ``parallel_coordinates``, ``partial_dependencies`` or
            ``regret``; with several objectives also ``pareto_front`` or ``hypervolume_history``.
            Default ``'regret'``.
        **kwargs
            Arguments of the method of that name.

        Raises
        ------
        ValueError
            If there is no such kind.
        """
        if kind not in SINGLE_EXPERIMENT_PLOTS:
            raise ValueError(
                f"kind {kind!r} is unknown; it is one of {', '.join(SINGLE_EXPERIMENT_PLOTS)}"
                f"{did_you_mean(str(kind), SINGLE_EXPERIMENT_PLOTS)}"
            )
        return SINGLE_EXPERIMENT_PLOTS[kind](self._experiment, **kwargs)

    def intermediate_values(self, **kwargs: Any) -> Figure:
        """Return learning curves: :func:`~orion_like.plotting.intermediate_values`."""
        return self(kind="intermediate_values", **kwargs)

    def lpi(self, **kwargs: Any) -> Figure:
        """Return bars of how much each parameter matters: :func:`~orion_like.plotting.lpi`."""
        return self(kind="lpi", **kwargs)

    def hypervolume_history(self, **kwargs: Any) -> Figure:
        """Return how the front grew: :func:`~orion_like.plotting.hypervolume_history`."""
        return self(kind="hypervolume_history", **kwargs)

    def pareto_front(self, **kwargs: Any) -> Figure:
        """Return objectives against each other: :func:`~orion_like.plotting.pareto_front`."""
        return self(kind="pareto_front", **kwargs)

    def parallel_coordinates(self, **kwargs: Any) -> Figure:
        """Return all trials as lines: :func:`~orion_like.plotting.parallel_coordinates`."""
        return self(kind="parallel_coordinates", **kwargs)

    def partial_dependencies(self, **kwargs: Any) -> Figure:
        """Return what the objective does: :func:`~orion_like.plotting.partial_dependencies`."""
        return self(kind="partial_dependencies", **kwargs)

    def regret(self, **kwargs: Any) -> Figure:
        """Return the progress of the search: :func:`~orion_like.plotting.regret`."""
        return self(kind="regret", **kwargs)
