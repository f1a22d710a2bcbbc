"""What trials have saved to go on from: where it is, not what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orion_like.storage.database import Database
from orion_like.storage.database.base import Index

CHECKPOINTS = "checkpoints"
CHECKPOINT_INDEXES: Mapping[tuple[str, tuple[str, ...]], Index] = {
    (CHECKPOINTS, ("experiment", "trial")): Index(),
}


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint of a trial.

    Parameters
    ----------
    trial
        The ``_id`` of the trial.
    attempt
        Which attempt at the trial saved it.
    step
        How far the trial was.
    path
        Its directory, on the machine that saved it or one with the same file system.
    resources
        Bytes of each file in it, by its path relative to it.
    metadata
        What the trial said of it.
    time
        When it was saved.
    """

    trial: Any
    attempt: int
    step: int
    path: str
    resources: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    time: datetime | None = None


def store_checkpoints(
    database: Database, experiment: Any, checkpoints: Iterable[Checkpoint]
) -> None:
    """Add checkpoints of trials of an experiment."""
    documents = [
        {
            "experiment": experiment,
            "trial": checkpoint.trial,
            "attempt": checkpoint.attempt,
            "step": checkpoint.step,
            "time": checkpoint.time,
            "state": "completed",
            "path": checkpoint.path,
            # File names may hold dots and dollars, which keys had better not.
            "resources": [
                {"file": file, "bytes": size} for file, size in checkpoint.resources.items()
            ],
            "metadata": dict(checkpoint.metadata),
            "pinned": False,
        }
        for checkpoint in checkpoints
    ]
    if documents:
        database.insert_many(CHECKPOINTS, documents)


def fetch_checkpoints(database: Database, experiment: Any, trial: Any = None) -> list[Checkpoint]:
    """Return the checkpoints of an experiment, by trial and step.

    Parameters
    ----------
    database
        Where they are.
    experiment
        The ``_id`` of the experiment.
    trial
        Only of the trial with this ``_id``. Default: of all.
    """
    query = {"experiment": experiment} | ({} if trial is None else {"trial": trial})
    found = database.find(CHECKPOINTS, query)
    place = {uid: number for number, uid in enumerate(dict.fromkeys(d["trial"] for d in found))}
    return [
        Checkpoint(
            document["trial"],
            document.get("attempt") or 0,
            document["step"],
            document["path"],
            {entry["file"]: entry["bytes"] for entry in document.get("resources") or ()},
            document.get("metadata") or {},
            document.get("time"),
        )
        for document in sorted(found, key=lambda doc: (place[doc["trial"]], doc["step"]))
    ]
