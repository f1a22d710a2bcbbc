"""What is known of an experiment when it is examined, read once for all checks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from statistics import median
from typing import Any

from orion_like.algo import Problem
from orion_like.algo.outcome import Outcome, judge
from orion_like.errors import OrionLikeError
from orion_like.experiment.experiment import Experiment
from orion_like.experiment.fleet import Worker, fetch_fleet
from orion_like.storage import Storage
from orion_like.trial import Trial


@dataclass(frozen=True)
class Case:
    """One experiment, its trials and its workers at one moment.

    Parameters
    ----------
    experiment
        The experiment.
    trials
        All its trials, in order of suggestion.
    workers
        Who works on it.
    """

    experiment: Experiment
    trials: Sequence[Trial]
    workers: Sequence[Worker]

    @classmethod
    def read(cls, storage: Storage, document: Mapping[str, Any], lost_threshold: float) -> Case:
        """Read all of it."""
        experiment = Experiment(storage, document, mode="r")
        workers = fetch_fleet(storage, [document], lost_threshold)
        return cls(experiment, experiment.fetch_trials(), workers)

    @property
    def title(self) -> str:
        """How people call the experiment."""
        return f"{self.experiment.name}-v{self.experiment.version}"

    @property
    def named(self) -> str:
        """Words by which commands like ``db set`` are told of the experiment."""
        return f"{shlex.quote(self.experiment.name)} -v {self.experiment.version}"

    @property
    def option(self) -> str:
        """Options by which the other commands are told of it."""
        return f"-n {self.named}"

    def new_version(self, *options: str, words: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the command that goes on in a new version; none for an experiment in Python.

        Parameters
        ----------
        *options
            Options of ``hunt`` besides the name.
        words
            The command that is tuned. Default: the one that is stored.
        """
        if not self.experiment.metadata.get("user_args"):
            return ()
        return (shlex.join(["hunt", "-n", self.experiment.name, *options, *words]),)

    @cached_property
    def now(self) -> datetime:
        """The present, by the clock of this host."""
        return datetime.now(timezone.utc)

    @cached_property
    def problem(self) -> Problem:
        """What its algorithm was given."""
        experiment = self.experiment
        return Problem(
            experiment.space,
            experiment.seed,
            experiment.declared_objectives,
            experiment.declared_constraints,
        )

    @cached_property
    def algorithm(self) -> str | None:
        """Name of its algorithm; None if it is not known here."""
        try:
            return next(iter(self.experiment.algorithm.configuration))
        except OrionLikeError:
            return None

    @cached_property
    def completed(self) -> list[Trial]:
        """Its completed trials."""
        return [trial for trial in self.trials if trial.status == "completed"]

    @cached_property
    def outcomes(self) -> list[tuple[Trial, Outcome]]:
        """Its completed trials with what came of them, best first.

        Of those with several fidelities only the ones with the highest.
        """
        fidelity = self.experiment.space.fidelity
        trials = self.completed
        if fidelity is not None and trials:
            highest = max(trial.flat_params[fidelity.name] for trial in trials)
            trials = [trial for trial in trials if trial.flat_params[fidelity.name] == highest]
        judged = [(trial, judge(trial, self.problem)) for trial in trials]
        known = [(trial, outcome) for trial, outcome in judged if outcome is not None]
        return sorted(known, key=lambda pair: pair[1].key)

    @cached_property
    def typical_duration(self) -> float | None:
        """Seconds that half of the completed trials took at most; None if too few did."""
        durations = [
            (trial.end_time - trial.start_time).total_seconds()
            for trial in self.completed
            if trial.end_time is not None and trial.start_time is not None and trial.attempt == 1
        ]
        return median(durations) if len(durations) >= MANY else None


MANY = 5
"""Trials from which something can be said of what trials are like."""
