"""The Python API, and what user scripts report with.

A user script imports this package in every trial only to report its results, so
everything but that is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from orion_like.client.report import (
    interrupt_trial,
    report_bad_trial,
    report_objective,
    report_results,
)

if TYPE_CHECKING:
    from orion_like.client.build import (
        build_experiment,
        create_experiment,
        get_experiment,
        workon,
    )
    from orion_like.client.experiment_client import ExperimentClient

_LAZY = {
    "ExperimentClient": "orion_like.client.experiment_client",
    "build_experiment": "orion_like.client.build",
    "create_experiment": "orion_like.client.build",
    "get_experiment": "orion_like.client.build",
    "workon": "orion_like.client.build",
}

__all__ = [
    "ExperimentClient",
    "build_experiment",
    "create_experiment",
    "get_experiment",
    "interrupt_trial",
    "report_bad_trial",
    "report_objective",
    "report_results",
    "workon",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
