"""What is known of an experiment's progress, kept up trial by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from orion_like.algo import Objective, Outcome, OutcomeConstraint, judge_results
from orion_like.experiment.front import FrontFollower, ParetoFront
from orion_like.experiment.incumbent import Incumbent
from orion_like.trial import Result


@dataclass(frozen=True)
class ExperimentStats:
    """Progress of an experiment.

    Parameters
    ----------
    trials_completed
        Number of completed trials.
    trials_feasible
        Number of those that keep all outcome constraints, and have finite objectives.
    best_trials_id
        Id of the best trial by the first objective, or None: the best feasible one or, until
        there is one, the least infeasible.
    best_evaluation
        Its first objective, or None.
    best_is_feasible
        Whether it keeps all outcome constraints, or None.
    pareto_front
        Feasible trials that no other one beats in all objectives; None with one objective.
    unreported_constraints
        Names of declared outcome constraints that no completed trial has reported. As long as
        there is one, no trial is feasible.
    start_time
        When the experiment was created.
    finish_time
        End of the last completed trial, or None.
    max_trials
        How many completed trials there shall be; None without a limit.
    nb_trials
        Number of trials of any status.
    trials_stopped
        Number of trials that were stopped early; they are among the suspended ones.
    progress
        Finished part of `max_trials`, completed or stopped, from 0 to 1; None without a limit.
    trial_status_count
        Number of trials by status.
    elapsed_time
        From the start to the end of the last completed trial.
    sum_of_trials_time
        Durations of all completed trials, added up.
    eta
        Time left at the rate so far, ``'infinite'`` without a limit, None when unknown.
    """

    trials_completed: int = 0
    trials_feasible: int = 0
    best_trials_id: str | None = None
    best_evaluation: float | None = None
    best_is_feasible: bool | None = None
    pareto_front: ParetoFront | None = None
    unreported_constraints: tuple[str, ...] = ()
    start_time: datetime | None = None
    finish_time: datetime | None = None
    max_trials: int | None = None
    nb_trials: int = 0
    trials_stopped: int = 0
    progress: float | None = None
    trial_status_count: dict[str, int] = field(default_factory=dict)
    elapsed_time: timedelta = timedelta()
    sum_of_trials_time: timedelta = timedelta()
    eta: timedelta | str | None = None

    @property
    def trials_finished(self) -> int:
        """Number of trials that are done: completed, or stopped early."""
        return self.trials_completed + self.trials_stopped

    @property
    def eta_milliseconds(self) -> float | None:
        """Time left in milliseconds, infinity without a limit, None when unknown."""
        if self.eta == "infinite":
            return float("inf")
        return self.eta / timedelta(milliseconds=1) if isinstance(self.eta, timedelta) else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; times are texts."""
        front = self.pareto_front
        document = {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "pareto_front": None if front is None else front.to_json(),
            "unreported_constraints": list(self.unreported_constraints),
            "trial_status_count": dict(self.trial_status_count),
            "eta_milliseconds": self.eta_milliseconds,
        }
        return {
            key: str(value) if isinstance(value, (datetime, timedelta)) else value
            for key, value in document.items()
        }


class StatisticsAccumulator:
    """Adds up documents of trials as they come in.

    Parameters
    ----------
    objectives
        Declared objectives.
    constraints
        Declared outcome constraints.
    """

    def __init__(
        self, objectives: Sequence[Objective], constraints: Sequence[OutcomeConstraint] = ()
    ) -> None:
        self._objectives = objectives
        self._constraints = constraints
        self.finish_time: datetime | None = None
        self.sum_of_trials_time = timedelta()
        self.incumbent = Incumbent(objectives[0])
        self._front = FrontFollower(objectives) if len(objectives) > 1 else None
        self._feasible = 0
        self._unreported = dict.fromkeys(constraint.name for constraint in constraints)
        self._completed: set[Any] = set()

    def observe(self, document: Mapping[str, Any]) -> None:
        """Take in a changed document; one that was seen completed before counts once."""
        if document["status"] != "completed" or document["_id"] in self._completed:
            return
        self._completed.add(document["_id"])
        results = [Result.from_document(result) for result in document.get("results") or ()]
        for result in results if self._unreported else ():
            if result.type == "constraint":
                self._unreported.pop(str(result.name), None)
        self._rank(document, judge_results(results, self._objectives, self._constraints))
        self._add_time(document)

    def _rank(self, document: Mapping[str, Any], outcome: Outcome) -> None:
        trial_id, number = document["id"], document.get("number")
        self._feasible += outcome.is_feasible
        self.incumbent.observe(trial_id, number, outcome, _fidelity(document))
        if self._front is not None:
            self._front.observe(trial_id, number, outcome)

    def _add_time(self, document: Mapping[str, Any]) -> None:
        start, end = document.get("start_time"), document.get("end_time")
        if end is None:
            return
        if self.finish_time is None or end > self.finish_time:
            self.finish_time = end
        if start is not None:
            self.sum_of_trials_time += end - start

    def snapshot(
        self,
        counts: Mapping[str, int],
        max_trials: int | None,
        start_time: datetime | None,
        stopped: int = 0,
    ) -> ExperimentStats:
        """Return the figures of this moment."""
        completed = counts.get("completed", 0)
        finished = completed + stopped
        elapsed = (
            self.finish_time - start_time
            if self.finish_time is not None and start_time is not None
            else timedelta()
        )
        return ExperimentStats(
            trials_completed=completed,
            trials_feasible=self._feasible,
            best_trials_id=self.incumbent.trial_id,
            best_evaluation=self.incumbent.value,
            best_is_feasible=self.incumbent.is_feasible,
            pareto_front=None if self._front is None else self._front.front,
            unreported_constraints=tuple(self._unreported) if self._completed else (),
            start_time=start_time,
            finish_time=self.finish_time,
            max_trials=max_trials,
            nb_trials=sum(counts.values()),
            trials_stopped=stopped,
            progress=None if not max_trials else min(1.0, finished / max_trials),
            trial_status_count={status: n for status, n in sorted(counts.items()) if n},
            elapsed_time=elapsed,
            sum_of_trials_time=self.sum_of_trials_time,
            eta=_time_left(finished, max_trials, elapsed),
        )


def _fidelity(document: Mapping[str, Any]) -> float:
    params = document.get("params") or ()
    return next((param["value"] for param in params if param["type"] == "fidelity"), 0.0)


def _time_left(finished: int, max_trials: int | None, elapsed: timedelta) -> timedelta | str | None:
    if max_trials is None:
        return "infinite"
    if finished >= max_trials:
        return timedelta()
    return None if finished == 0 else elapsed / finished * (max_trials - finished)
