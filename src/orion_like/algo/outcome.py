"""What came of a trial, reduced to what algorithms compare."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from orion_like.algo.problem import Problem
from orion_like.trial import Result, Trial, is_number


class Kind(IntEnum):
    """Classes of finished trials, best first."""

    FEASIBLE = 0
    INFEASIBLE = 1
    FAILED = 2


@dataclass(frozen=True)
class Outcome:
    """Outcome of a finished trial.

    Parameters
    ----------
    kind
        Feasible, infeasible, or failed: broken, or with an objective that is not finite.
    losses
        The objectives, in the order of declaration and with signs that make each one to be
        minimized. Empty for failed trials.
    violation
        Sum of the violations of the outcome constraints.
    """

    kind: Kind
    losses: tuple[float, ...] = ()
    violation: float = 0.0


FAILED = Outcome(Kind.FAILED)


def judge(trial: Trial, problem: Problem) -> Outcome | None:
    """Return the outcome of a trial, or None while it is pending.

    A trial that was stopped early has the results that it had come to; it failed if none.
    """
    if trial.status == "broken":
        return FAILED
    if trial.status != "completed" and not trial.is_stopped:
        return None
    losses = _losses(trial, problem)
    if losses is None:
        return FAILED
    violation = _violation(trial, problem)
    return Outcome(Kind.INFEASIBLE if violation > 0 else Kind.FEASIBLE, losses, violation)


def _losses(trial: Trial, problem: Problem) -> tuple[float, ...] | None:
    results = [result for result in trial.results if result.type == "objective"]
    named = {result.name: result for result in reversed(results)}
    losses = []
    for objective in problem.objectives:
        result = named.get(objective.name)
        if result is None and len(problem.objectives) == 1 and results:
            result = results[0]
        value = _finite(result)
        if value is None:
            return None
        losses.append(objective.sign * value)
    return tuple(losses)


def _finite(result: Result | None) -> float | None:
    if result is None or not is_number(result.value):
        return None
    try:
        value = float(result.value)
    except OverflowError:  # an integer beyond the floats
        return None
    return value if math.isfinite(value) else None


def _violation(trial: Trial, problem: Problem) -> float:
    """Sum violations: of declared constraints by their bounds, of others below zero."""
    values = {
        result.name: float(result.value) if is_number(result.value) else math.nan
        for result in trial.results
        if result.type == "constraint"
    }
    total = 0.0
    for constraint in problem.constraints:
        total += constraint.violation(values.pop(constraint.name, math.nan))
    for value in values.values():
        total += math.inf if math.isnan(value) else max(0.0, -value)
    return total
