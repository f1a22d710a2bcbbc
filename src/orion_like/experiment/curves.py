"""The learning curves of an experiment's trials, kept up by reading only what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orion_like.algo.outcome import Kind, judge
from orion_like.algo.problem import Problem
from orion_like.experiment.experiment import Experiment
from orion_like.stopping.curve import Curve, Losses, to_losses
from orion_like.storage.metrics import Report, changed_reports, valid_reports
from orion_like.trial import Trial


class Curves:
    """What the trials of an experiment have reported, as far as it was read.

    Parameters
    ----------
    experiment
        The experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._problem = Problem.build(
            experiment.space,
            objectives=experiment.objectives,
            constraints=experiment.outcome_constraints,
        )
        self._signs = {o.name: o.sign for o in self._problem.objectives}
        self._generation = -1
        self._forget()

    def _forget(self) -> None:
        self._trials_token: Any = None
        self._reports_token: Any = None
        self._numbers: dict[Any, int | None] = {}
        self._finals: dict[Any, Losses] = {}
        self._reports: dict[tuple[str, Any], list[Report]] = {}
        self._curves: dict[str, dict[Any, Curve]] = {}

    def refresh(self) -> None:
        """Read what changed since the last time."""
        generation = self._experiment.ledger.generation
        if generation != self._generation:  # trials were deleted, which changes do not tell
            self._forget()
            self._generation = generation
        storage, uid = self._experiment.storage, self._experiment.id
        trials, self._trials_token = storage.changed_trials(uid, self._trials_token)
        reports, self._reports_token = changed_reports(storage.database, uid, self._reports_token)
        for trial in trials:
            self._take_trial(trial)
        for report in reports:
            self._take_report(report)

    def of_others(self, trial: Any, group: str) -> list[Curve]:
        """Return the curves of all trials but one (its ``_id``), in a group of reports."""
        return [curve for uid, curve in self._curves.get(group, {}).items() if uid != trial]

    def new_curve(self, reports: Sequence[Report] = (), trial: Any = None) -> Curve:
        """Return a curve with some reports of a trial."""
        name = self._problem.objectives[0].name
        curve = Curve(self._numbers.get(trial), self._finals.get(trial), name)
        for report in reports:
            self.extend(curve, report)
        return curve

    def extend(self, curve: Curve, report: Report) -> bool:
        """Add a report to a curve; return whether it is on it: it may lack an objective."""
        losses = to_losses(report.values, self._signs)
        if losses is not None:
            curve.add(report.step, losses, report.values)
        return losses is not None

    def _take_trial(self, document: Mapping[str, Any]) -> None:
        uid = document["_id"]
        self._numbers[uid] = document.get("number")
        final = self._final(document)
        if final != self._finals.get(uid):
            self._finals.pop(uid, None)
            if final is not None:
                self._finals[uid] = final
            for curves in self._curves.values():
                if uid in curves:
                    curves[uid].final = final

    def _final(self, document: Mapping[str, Any]) -> Losses | None:
        if document["status"] != "completed":
            return None
        outcome = judge(Trial.from_document(document), self._problem)
        return outcome.losses if outcome is not None and outcome.kind == Kind.FEASIBLE else None

    def _take_report(self, report: Report) -> None:
        curves = self._curves.setdefault(report.group, {})
        known = self._reports.setdefault((report.group, report.trial), [])
        curve = curves.get(report.trial)
        is_next = not known or (
            report.attempt == known[-1].attempt and report.step > known[-1].step
        )
        known.append(report)
        if is_next and curve is not None:
            self.extend(curve, report)
            return
        latest = {(r.attempt, r.step): r for r in known}  # one may have got more values
        self._reports[report.group, report.trial] = valid = valid_reports(latest.values())
        curve = self.new_curve(valid, report.trial)
        if len(curve):
            curves[report.trial] = curve
