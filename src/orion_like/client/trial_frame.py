"""Trials as a frame of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from orion_like.algo import Kind, Objective, OutcomeConstraint, judge_results
from orion_like.algo.outcome import find_objectives
from orion_like.errors import OrionLikeError
from orion_like.trial import Trial

if TYPE_CHECKING:
    import pandas

COLUMNS = ("id", "experiment_id", "status", "suggested", "reserved", "completed", "objective")


def trial_frame(
    trials: Sequence[Trial],
    dimensions: Iterable[str],
    objectives: Sequence[Objective],
    constraints: Sequence[OutcomeConstraint],
) -> pandas.DataFrame:
    """Return one row a trial.

    Parameters
    ----------
    trials
        The trials, in the order of the rows.
    dimensions
        Names of the dimensions.
    objectives
        Declared objectives. If there are several, each has a column ``objective.NAME`` besides
        the column ``objective`` of the first one.
    constraints
        Declared outcome constraints. Each of these and of those that a trial reported has a
        column ``constraint.NAME``. If there are any, the columns ``feasible`` and ``violation``
        say of completed trials whether they keep all constraints, and by how much they miss
        them.

    Raises
    ------
    OrionLikeError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise OrionLikeError(
            "to_pandas needs pandas, which is not installed: pip install 'orion_like[pandas]'"
        ) from None
    several = [objective.name for objective in objectives] if len(objectives) > 1 else []
    bounded = [constraint.name for constraint in constraints]
    reported = {str(result.name) for trial in trials for result in trial.constraints}
    limits = [*bounded, *sorted(reported.difference(bounded))]
    rows = []
    for trial in trials:
        found = find_objectives(trial.results, objectives)
        values = [None if result is None else result.value for result in found]
        row = _identity(trial) | {"objective": values[0]} | trial.flat_params
        if several:
            row |= {f"objective.{name}": v for name, v in zip(several, values, strict=True)}
        if limits:
            row |= {f"constraint.{result.name}": result.value for result in trial.constraints}
            row |= _feasibility(trial, objectives, constraints)
        rows.append(row)
    columns = [*COLUMNS, *dimensions, *(f"objective.{name}" for name in several)]
    columns += [f"constraint.{name}" for name in limits]
    return pandas.DataFrame(rows, columns=columns + ["feasible", "violation"] * bool(limits))


def _identity(trial: Trial) -> dict[str, Any]:
    return {
        "id": trial.id,
        "experiment_id": trial.experiment,
        "status": trial.status,
        "suggested": trial.submit_time,
        "reserved": trial.start_time,
        "completed": trial.end_time,
    }


def _feasibility(
    trial: Trial, objectives: Sequence[Objective], constraints: Sequence[OutcomeConstraint]
) -> dict[str, Any]:
    if trial.status != "completed":
        return {"feasible": None}  # not NaN, which counts as true
    outcome = judge_results(trial.results, objectives, constraints)
    if outcome.kind is Kind.FAILED:
        return {"feasible": False}
    return {"feasible": outcome.is_feasible, "violation": outcome.violation}
