"""The Python API, and what user scripts report with.

A user script imports this package in every trial only to report its results, so
everything but that is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from orion_like.client.report import (
    interrupt_trial,
    latest_checkpoint,
    report_bad_trial,
    report_final_result,
    report_intermediate,
    report_intermediate_result,
    report_objective,
    report_results,
    save_checkpoint,
    should_stop,
)

if TYPE_CHECKING:
    from orion_like.client.build import (
        build_experiment,
        create_experiment,
        get_experiment,
        workon,
    )
    from orion_like.client.experiment_client import ExperimentClient
    from orion_like.errors import TrialPruned, TrialStopped

_LAZY = {
    "ExperimentClient": "orion_like.client.experiment_client",
    "TrialPruned": "orion_like.errors",
    "TrialStopped": "orion_like.errors",
    "build_experiment": "orion_like.client.build",
    "create_experiment": "orion_like.client.build",
    "get_experiment": "orion_like.client.build",
    "workon": "orion_like.client.build",
}

__all__ = [
    "ExperimentClient",
    "TrialPruned",
    "TrialStopped",
    "build_experiment",
    "create_experiment",
    "get_experiment",
    "interrupt_trial",
    "latest_checkpoint",
    "report_bad_trial",
    "report_final_result",
    "report_intermediate",
    "report_intermediate_result",
    "report_objective",
    "report_results",
    "save_checkpoint",
    "should_stop",
    "workon",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
