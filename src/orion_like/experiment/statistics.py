"""What is known of an experiment's progress, kept up trial by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orion_like.experiment.incumbent import Incumbent


@dataclass(frozen=True)
class ExperimentStats:
    """Progress of an experiment.

    Parameters
    ----------
    trials_completed
        Number of completed trials.
    best_trials_id
        Id of the best trial, or None.
    best_evaluation
        Its objective, or None.
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
    best_trials_id: str | None = None
    best_evaluation: float | None = None
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
    def eta_milliseconds(self) -> float | None:
        """Time left in milliseconds, infinity without a limit, None when unknown."""
        if self.eta == "infinite":
            return float("inf")
        return self.eta / timedelta(milliseconds=1) if isinstance(self.eta, timedelta) else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; times are texts."""
        document = {**asdict(self), "eta_milliseconds": self.eta_milliseconds}
        return {
            key: str(value) if isinstance(value, (datetime, timedelta)) else value
            for key, value in document.items()
        }


class StatisticsAccumulator:
    """Adds up documents of trials as they come in.

    Parameters
    ----------
    objectives
        Declared objectives, ``{"name", "direction"}``; the first one is followed.
    constraints
        Declared outcome constraints.
    """

    def __init__(
        self,
        objectives: Sequence[Mapping[str, Any]] = (),
        constraints: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.incumbent = Incumbent(objectives, constraints)
        self.finish_time: datetime | None = None
        self.sum_of_trials_time = timedelta()
        self._completed: set[Any] = set()

    def observe(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Take in changed documents; one that was seen completed before counts once."""
        for document in documents:
            if document["status"] != "completed" or document["_id"] in self._completed:
                continue
            self._completed.add(document["_id"])
            self.incumbent.observe(document)
            start, end = document.get("start_time"), document.get("end_time")
            if end is None:
                continue
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
            best_trials_id=self.incumbent.trial_id,
            best_evaluation=self.incumbent.value,
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


def _time_left(finished: int, max_trials: int | None, elapsed: timedelta) -> timedelta | str | None:
    if max_trials is None:
        return "infinite"
    if finished >= max_trials:
        return timedelta()
    return None if finished == 0 else elapsed / finished * (max_trials - finished)
