"""The trials that a client has reserved, and what keeps them alive."""

from __future__ import annotations

import logging
from typing import Any

from orion_like.errors import AlreadyReleased, FailedUpdate, OrionLikeError, TrialNotFound
from orion_like.experiment import Experiment
from orion_like.trial import Trial
from orion_like.worker.heartbeat import Heartbeat
from orion_like.worker.report_desk import ReportDesk

logger = logging.getLogger(__name__)


class Leases:
    """The trials that a client has reserved in this process.

    Parameters
    ----------
    experiment
        The experiment of the trials.
    heartbeat
        Keeps the trials alive.
    desk
        Takes their reports.
    """

    def __init__(self, experiment: Experiment, heartbeat: Heartbeat, desk: ReportDesk) -> None:
        self._experiment = experiment
        self._heartbeat = heartbeat
        self._desk = desk
        self._held: dict[Any, Trial] = {}

    @property
    def trials(self) -> list[Trial]:
        """The trials."""
        return list(self._held.values())

    def __contains__(self, trial: Trial) -> bool:
        return trial._id in self._held

    def add(self, trial: Trial) -> None:
        """Hold a trial that has just been reserved."""
        self._held[trial._id] = trial
        self._heartbeat.add(trial)

    def discard(self, trial: Trial) -> None:
        """Hold a trial no longer."""
        self._held.pop(trial._id, None)
        self._heartbeat.discard(trial)

    def lease_of(self, trial: Trial, verb: str) -> Trial:
        """Return `trial` as it was reserved; explain why there is no lease.

        Raises
        ------
        TrialNotFound
            If the trial is not in the database.
        FailedUpdate
            If another worker has reserved it.
        AlreadyReleased
            If it is not reserved.
        """
        held = self._held.get(trial._id)
        if held is not None:
            return held
        experiment = self._experiment
        current = experiment.storage.get_trial(experiment.id, trial.id)
        if current is None:
            raise TrialNotFound(f"trial {trial.id} is not in experiment {experiment.name!r}")
        if current.status == "reserved":
            raise FailedUpdate(
                f"trial {trial.id} cannot be {verb}: worker {current.worker} has reserved it"
            )
        raise AlreadyReleased(
            f"trial {trial.id} cannot be {verb}: it is {current.status}, not reserved by this "
            "client (use reserve first)"
        )

    def give_up(self) -> None:
        """Release all trials."""
        for trial in self.trials:
            try:
                self._desk.close(trial)
                self._experiment.storage.release_trial(
                    trial, "interrupted", "its worker ended without releasing it"
                )
            except OrionLikeError as error:
                logger.debug("%s", error)
        self._held.clear()
        self._heartbeat.stop()
        self._desk.stop()
