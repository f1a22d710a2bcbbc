"""What deletes checkpoints that are not to be kept, while trials save others."""

from __future__ import annotations

import logging
import math
import os
import shutil
import socket
import threading
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Any

from orion_like.errors import CheckpointError, ConfigurationError, DatabaseError
from orion_like.experiment.experiment import Experiment
from orion_like.experiment.retention import RetentionPolicy, needed
from orion_like.stopping.curve import to_losses
from orion_like.storage import Ledger
from orion_like.storage.checkpoints import (
    COMPLETED,
    DELETING,
    STATES,
    Checkpoint,
    claim_deletion,
    fetch_checkpoints,
    is_used_elsewhere,
    note_deletion,
)
from orion_like.storage.metrics import DEFAULT_GROUP, changed_reports
from orion_like.trial import Trial
from orion_like.worker.checkpoint import CACHE, CheckpointPlace, discard, is_url

logger = logging.getLogger(__name__)

REST = 9.0  # times as long as it took: so it takes a tenth of the time at most
_PATIENCE = 10.0  # seconds


class CheckpointKeeper:
    """Applies the policy of an experiment: now, or in a thread whenever something changed.

    Every worker has one, and they need not know of each other: a checkpoint is marked before its
    files are deleted, which is no error if they are gone.

    Parameters
    ----------
    experiment
        The experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._database = experiment.storage.database
        self._ledger = Ledger(experiment.storage, experiment.id)
        self._generation = 0
        self._forget()
        self._applying = threading.Lock()
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def _forget(self) -> None:
        self._trials: dict[Any, Trial] = {}
        self._lineages: dict[Any, str] = {}
        self._losses: dict[tuple[Any, int, int], float] = {}
        self._reporting: set[Any] = set()
        self._token: Any = None

    # --- in its own time -------------------------------------------------------------------------

    def wake(self) -> None:
        """Have the thread, started if need be, apply the policy soon."""
        self._woken.set()
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(
                target=self._run, name="orion-like-checkpoints", daemon=True
            )
            self._thread.start()

    def trial_ended(self) -> None:
        """Take note that a trial needs its checkpoints no longer."""
        if self._thread is not None or RetentionPolicy.of(self._experiment.checkpoints):
            self.wake()

    def finish(self) -> None:
        """Apply the policy now, if something changed since it was applied last."""
        if self._woken.is_set() or self._applying.locked():
            self._apply_or_warn()

    def stop(self) -> None:
        """End the thread after the deletion that it is at."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            self._woken.set()
            thread.join(_PATIENCE)
            self._woken.clear()

    def _run(self) -> None:
        rest = 0.0
        while not self._stopped.wait(rest):
            self._woken.wait()
            if self._stopped.is_set():
                return
            start = monotonic()
            self._apply_or_warn()
            rest = REST * (monotonic() - start)

    def _apply_or_warn(self) -> None:
        try:
            self.apply()
        except DatabaseError as error:
            logger.warning("checkpoints are not cared for: %s", error)

    # --- the policy ------------------------------------------------------------------------------

    def apply(self) -> list[Checkpoint]:
        """Delete the checkpoints that are not to be kept, and return them."""
        with self._applying:
            self._woken.clear()
            doomed = self.superfluous()
            deleted = [c for c in doomed if not self._stopped.is_set() and self.delete(c)]
            if doomed:
                self._delete_inherited({checkpoint.trial for checkpoint in doomed})
            return deleted

    def superfluous(self, policy: RetentionPolicy | None = None) -> list[Checkpoint]:
        """Return the checkpoints that are not to be kept.

        Parameters
        ----------
        policy
            Default: that of the experiment, as it is stored now.
        """
        stored = self._experiment.storage.fetch_experiments(
            {"_id": self._experiment.id}, fields=["checkpoints"]
        )
        if not stored:
            return []
        if policy is None:
            policy = RetentionPolicy.of(stored[0].get("checkpoints") or {})
        recorded = self._recorded()
        cut_short = [c for c in recorded if c.state == DELETING]
        if not policy:
            return cut_short
        there = [c for c in recorded if c.state == COMPLETED]
        self._read()
        kept = policy.kept(there, self._losses_of(there), self._lineages)
        kept |= self.needed(there)
        return cut_short + [c for c in there if c.id not in kept and not c.pinned]

    def _recorded(self) -> list[Checkpoint]:
        states = COMPLETED, DELETING
        found = fetch_checkpoints(self._database, self._experiment.id, states=states)
        return [checkpoint for checkpoint in found if checkpoint.id]

    def needed(self, there: Collection[Checkpoint], without: Collection[Any] = ()) -> set[str]:
        """Return the ids of the checkpoints from which trials may still go on.

        Parameters
        ----------
        there
            All that there are.
        without
            Trials (their ``_id``) that do not count.
        """
        self._read()
        fidelity = self._experiment.space.fidelity
        return needed(
            there,
            [trial for uid, trial in self._trials.items() if uid not in without],
            self._lineages,
            top=None if fidelity is None else fidelity.high,
            is_done=self._ledger.has_all_trials or self._experiment.is_used_up,
        )

    def _read(self) -> None:
        """Read what changed since the last time."""
        self._ledger.refresh_budget()
        if self._ledger.generation != self._generation:  # trials were deleted
            self._generation = self._ledger.generation
            self._forget()
        for document in self._ledger.refresh_trials():
            trial = self._trials[document["_id"]] = Trial.from_document(document)
            if trial._id not in self._lineages:
                self._lineages[trial._id] = trial.lineage
        reports, self._token = changed_reports(self._database, self._experiment.id, self._token)
        objective = self._experiment.declared_objectives[0]
        for report in reports:
            losses = to_losses(report.values, {objective.name: objective.sign})
            if report.group == DEFAULT_GROUP and losses is not None:
                self._reporting.add(report.trial)
                self._losses[report.trial, report.attempt, report.step] = losses[0]

    def objectives(self, there: Collection[Checkpoint]) -> Mapping[str, float]:
        """Return the first objective that was reported of each checkpoint, by its id."""
        self._read()
        sign = self._experiment.declared_objectives[0].sign
        return {uid: sign * loss for uid, loss in self._losses_of(there).items()}

    def _losses_of(self, there: Collection[Checkpoint]) -> Mapping[str, float]:
        """Return what was reported of each checkpoint at its step, in the attempt that saved it.

        Of a trial that reports nothing, the result is that of its latest checkpoint.
        """
        losses = {}
        silent: dict[Any, Checkpoint] = {}
        for checkpoint in there:
            key = checkpoint.trial, checkpoint.attempt, checkpoint.step
            if key in self._losses:
                losses[checkpoint.id] = self._losses[key]
            elif checkpoint.trial not in self._reporting:
                silent[checkpoint.trial] = checkpoint  # they come by step
        sign = self._experiment.declared_objectives[0].sign
        for uid, checkpoint in silent.items():
            trial = self._trials.get(uid)
            if trial is not None and trial.objective is not None:
                losses[checkpoint.id] = sign * trial.objective.value
        return {uid: loss for uid, loss in losses.items() if not math.isnan(loss)}

    def delete(self, checkpoint: Checkpoint) -> bool:
        """Delete the files of a checkpoint, and then say so in its record.

        Returns
        -------
        Whether they are gone. They are not if it is pinned, or where this machine cannot reach.
        """
        if not is_reachable(checkpoint):
            return False
        if not claim_deletion(self._database, self._experiment.id, checkpoint):
            return False
        try:
            if not is_used_elsewhere(self._database, self._experiment.id, checkpoint):
                discard(checkpoint.path)
        except (OSError, CheckpointError, ConfigurationError) as error:
            logger.warning("checkpoint %s could not be deleted: %s", checkpoint.id, error)
            return False
        note_deletion(self._database, self._experiment.id, checkpoint)
        if is_url(checkpoint.path):
            self._forget_copy(checkpoint)
        return True

    def _delete_inherited(self, uids: Collection[Any]) -> None:
        """Delete the copies that came with the directory of a parent, of trials beyond them.

        Parameters
        ----------
        uids
            Trials (their ``_id``) that have saved several checkpoints of their own.
        """
        for trial in (self._trials[uid] for uid in uids if uid in self._trials):
            if not (trial.in_population and trial.parent and self._experiment.working_dir):
                continue
            own = fetch_checkpoints(self._database, self._experiment.id, trial._id, STATES)
            ids, step = {c.id for c in own}, max(c.step for c in own)
            for found in self._place_of(trial).all():
                if found.id not in ids and found.step <= step:
                    discard(found.path)

    def _place_of(self, trial: Trial) -> CheckpointPlace:
        """Return where a trial has its checkpoints in the working directory."""
        trial.exp_working_dir = self._experiment.working_dir
        trial.experiment_uuid = self._experiment.uuid
        return CheckpointPlace(trial.checkpoint_dir)

    def _forget_copy(self, checkpoint: Checkpoint) -> None:
        """Delete what this machine has of a checkpoint that was stored elsewhere."""
        trial = self._trials.get(checkpoint.trial)
        if trial is not None and self._experiment.working_dir:
            name = checkpoint.path.rpartition("/")[2]
            copy = os.path.join(self._place_of(trial).directory, CACHE, name)
            shutil.rmtree(copy, ignore_errors=True)


def is_reachable(checkpoint: Checkpoint) -> bool:
    """Whether a missing checkpoint is really gone, and not on the disk of another machine."""
    return (
        is_url(checkpoint.path)
        or checkpoint.host == socket.gethostname()
        or os.path.isdir(os.path.dirname(checkpoint.path))
    )
