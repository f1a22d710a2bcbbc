"""Looking for what keeps experiments from going well, and for what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orion_like.experiment.health.case import Case
from orion_like.experiment.health.failures import (
    alike_failures,
    killers,
    unreported_constraints,
)
from orion_like.experiment.health.finding import Finding
from orion_like.experiment.health.place import examine_place
from orion_like.experiment.health.results import constant_objective, gradients, optimum_at_bound
from orion_like.experiment.health.workers import (
    different_versions,
    leftovers,
    slow_suggestions,
    stuck_trials,
    wrong_clocks,
)
from orion_like.storage import Storage

CHECKS = (
    wrong_clocks,
    different_versions,
    leftovers,
    stuck_trials,
    alike_failures,
    killers,
    constant_objective,
    unreported_constraints,
    gradients,
    optimum_at_bound,
    slow_suggestions,
)
"""What is looked at in each experiment, in order."""


def examine(
    storage: Storage, experiments: Iterable[Mapping[str, Any]], lost_threshold: float
) -> list[Finding]:
    """Look for what keeps experiments from going well; nothing is changed.

    Parameters
    ----------
    storage
        Where they live.
    experiments
        Their documents.
    lost_threshold
        Seconds without a sign of life after which a worker counts as lost.

    Returns
    -------
    What was found: first of the database, then by experiment.
    """
    documents = list(experiments)
    # Of what was made better in a later version, nobody need be told what was not well.
    outdated = {(document.get("refers") or {}).get("parent_id") for document in documents}
    findings = list(examine_place(storage))
    for document in documents:
        case = Case.read(storage, document, lost_threshold)
        found = [finding for check in CHECKS for finding in check(case)]
        is_outdated = document["_id"] in outdated
        findings += [one for one in found if one.severity == "wrong" or not is_outdated]
    return findings


__all__ = ["CHECKS", "Case", "Finding", "examine"]
