"""Checkpoints of which nobody could tell: who saved them was killed before, or its worker was."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timezone
from typing import Any

from orion_like.storage.checkpoints import CHECKPOINTS, Checkpoint
from orion_like.storage.database import Database
from orion_like.worker.checkpoint import CheckpointPlace, Saved
from orion_like.worker.live_trial import LiveTrial


def find_unrecorded(
    database: Database, experiment: Any, trial: LiveTrial, attempt: int
) -> list[Checkpoint]:
    """Return what is where a trial saves its checkpoints, and not in the database.

    Parameters
    ----------
    database
        Where checkpoints are recorded.
    experiment
        The ``_id`` of the experiment.
    trial
        A trial, which is said to have saved them.
    attempt
        Which attempt at it is said to have done so.
    """
    try:
        place = trial.checkpoint_place
    except RuntimeError:  # it has no working directory
        return []
    saved = place.all()
    query = {"experiment": experiment, "id": {"$in": [found.id for found in saved]}}
    recorded = {
        document["id"]
        for document in (database.find(CHECKPOINTS, query, fields=["id"]) if saved else ())
    }
    return [
        _checkpoint(place, found, trial, attempt) for found in saved if found.id not in recorded
    ]


def _checkpoint(place: CheckpointPlace, saved: Saved, trial: LiveTrial, attempt: int) -> Checkpoint:
    return Checkpoint(
        trial._id,
        attempt,
        saved.step,
        saved.url or saved.path,
        place.resources(saved),
        time=_time(saved),
        id=saved.id,
        host=socket.gethostname(),
    )


def _time(saved: Saved) -> datetime:
    if saved.url:
        return datetime.now(timezone.utc)
    return datetime.fromtimestamp(os.path.getmtime(saved.path), timezone.utc)
