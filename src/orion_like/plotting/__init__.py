"""Figures of experiments, made with plotly.

What draws is imported when it is first asked for: the command line reads the formats of
figures from here without any library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from orion_like.plotting.export import FORMATS, save

if TYPE_CHECKING:
    from orion_like.plotting.base import (
        PLOT_METHODS,
        SINGLE_EXPERIMENT_PLOTS,
        PlotAccessor,
        durations,
        hypervolume_history,
        intermediate_values,
        lpi,
        parallel_assessment,
        parallel_coordinates,
        pareto_front,
        partial_dependencies,
        rankings,
        regret,
        regrets,
    )

__all__ = [
    "FORMATS",
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
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("orion_like.plotting.base"), name)
