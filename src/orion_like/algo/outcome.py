"""What came of a trial, reduced to what algorithms compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from orion_like.algo.problem import Objective, OutcomeConstraint, Problem
from orion_like.trial import Result, Trial, is_number


class Kind(IntEnum):
    """Classes of finished trials, best first."""

    FEASIBLE = 0
    INFEASIBLE = 1
    FAILED = 2


@dataclass(frozen=True, slots=True)
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
        Sum of the violations of the outcome constraints; infinite when a declared one was not
        reported.
    constraints
        Name and value of each result of type ``constraint`` that is a finite number, in order
        of the names.
    """

    kind: Kind
    losses: tuple[float, ...] = ()
    violation: float = 0.0
    constraints: tuple[tuple[str, float], ...] = ()

    @property
    def is_feasible(self) -> bool:
        """Whether all constraints are kept."""
        return self.kind is Kind.FEASIBLE

    @property
    def key(self) -> tuple[float, ...]:
        """What sorts outcomes by the first objective, best first.

        Feasible ones come before infeasible ones, those by violation, and failed ones are last.
        """
        return (self.kind, self.violation, *self.losses[:1])


FAILED = Outcome(Kind.FAILED)


def judge(trial: Trial, problem: Problem) -> Outcome | None:
    """Return the outcome of a trial, or None while it is pending.

    A trial that was stopped early has the results that it had come to; it failed if none.
    """
    if trial.status == "broken":
        return FAILED
    if trial.status != "completed" and not trial.is_stopped:
        return None
    return judge_results(trial.results, problem.objectives, problem.constraints)


def judge_results(
    results: Sequence[Result],
    objectives: Sequence[Objective],
    constraints: Sequence[OutcomeConstraint] = (),
) -> Outcome:
    """Return the outcome of the results of a completed trial.

    Parameters
    ----------
    results
        Results of any type.
    objectives
        Declared objectives.
    constraints
        Declared outcome constraints. One that is not among the results is violated without
        bounds; one that is reported but not declared is feasible from 0 upwards.

    Examples
    --------
    >>> results = [Result("loss", "objective", 3.0), Result("slack", "constraint", -2.0)]
    >>> judge_results(results, [Objective("loss")]).violation
    2.0
    >>> judge_results(results, [Objective("loss")], [OutcomeConstraint("slack", upper=1)]).kind
    <Kind.FEASIBLE: 0>
    """
    losses = []
    for objective, result in zip(objectives, find_objectives(results, objectives), strict=True):
        value = math.nan if result is None else as_float(result.value)
        if not math.isfinite(value):
            return FAILED
        losses.append(objective.sign * value)
    values = {
        str(result.name): as_float(result.value)
        for result in results
        if result.type == "constraint"
    }
    violation = _violation(values, constraints)
    kind = Kind.INFEASIBLE if violation > 0 else Kind.FEASIBLE
    finite = sorted((name, value) for name, value in values.items() if math.isfinite(value))
    return Outcome(kind, tuple(losses), violation, tuple(finite))


def find_objectives(
    results: Sequence[Result], objectives: Sequence[Objective]
) -> list[Result | None]:
    """Return the result that each objective has, or None.

    The first one of its name counts. A single objective may be reported by another name.
    """
    reported = [result for result in results if result.type == "objective"]
    named = {result.name: result for result in reversed(reported)}
    if len(objectives) == 1 and objectives[0].name not in named:
        return [reported[0] if reported else None]
    return [named.get(objective.name) for objective in objectives]


def as_float(value: Any) -> float:
    """Return a number as a float; NaN for what is none."""
    if not is_number(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an integer beyond the floats
        return math.inf if value > 0 else -math.inf


def _violation(values: Mapping[str, float], constraints: Sequence[OutcomeConstraint]) -> float:
    """Sum violations: of declared constraints by their bounds, of others below zero."""
    left = dict(values)
    total = 0.0
    for constraint in constraints:
        total += constraint.violation(left.pop(constraint.name, math.nan))
    for value in left.values():
        total += math.inf if math.isnan(value) else max(0.0, -value)
    return total
