"""What trials have saved to go on from: where it is, not what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orion_like.storage.database import Database
from orion_like.storage.database.base import Index

CHECKPOINTS = "checkpoints"
CHECKPOINT_INDEXES: Mapping[tuple[str, tuple[str, ...]], Index] = {
    (CHECKPOINTS, ("experiment", "trial")): Index(),
    (CHECKPOINTS, ("experiment", "state")): Index(),
    (CHECKPOINTS, ("id",)): Index(),
}
STATES = COMPLETED, DELETING, DELETED = "completed", "deleting", "deleted"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of a trial, as it is recorded.

    Parameters
    ----------
    trial
        The ``_id`` of the trial.
    attempt
        Which attempt at the trial saved it.
    step
        How far the trial was.
    path
        Its directory, on the machine that saved it or one with the same file system; or its URL.
    resources
        Bytes of each file in it, by its path relative to it.
    metadata
        What the trial said of it.
    time
        When it was saved.
    id
        Its own identity, 32 hexadecimal digits.
    state
        ``'completed'``; ``'deleting'`` and ``'deleted'`` when its files are of no use any more.
    pinned
        Whether it is kept, whatever the policy of the experiment says.
    host
        The machine that saved it.
    """

    trial: Any
    attempt: int
    step: int
    path: str
    resources: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    time: datetime | None = None
    id: str = ""
    state: str = COMPLETED
    pinned: bool = False
    host: str = ""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(self.resources.values())


def store_checkpoints(
    database: Database, experiment: Any, checkpoints: Iterable[Checkpoint]
) -> None:
    """Add checkpoints of trials of an experiment."""
    documents = [
        {
            "id": checkpoint.id,
            "experiment": experiment,
            "trial": checkpoint.trial,
            "attempt": checkpoint.attempt,
            "step": checkpoint.step,
            "time": checkpoint.time,
            "state": checkpoint.state,
            "path": checkpoint.path,
            "host": checkpoint.host,
            # File names may hold dots and dollars, which keys had better not.
            "resources": [
                {"file": file, "bytes": size} for file, size in checkpoint.resources.items()
            ],
            "metadata": dict(checkpoint.metadata),
            "pinned": checkpoint.pinned,
        }
        for checkpoint in checkpoints
    ]
    if documents:
        database.insert_many(CHECKPOINTS, documents)


def fetch_checkpoints(
    database: Database,
    experiment: Any,
    trial: Any = None,
    states: Sequence[str] = (COMPLETED,),
) -> list[Checkpoint]:
    """Return the checkpoints of an experiment, by trial and step.

    Parameters
    ----------
    database
        Where they are.
    experiment
        The ``_id`` of the experiment.
    trial
        Only of the trial with this ``_id``. Default: of all.
    states
        Only those in one of these states. Default: those whose files are there.
    """
    query = {"experiment": experiment, "state": {"$in": list(states)}}
    if trial is not None:
        query["trial"] = trial
    found = database.find(CHECKPOINTS, query)
    place = {uid: number for number, uid in enumerate(dict.fromkeys(d["trial"] for d in found))}
    found.sort(key=lambda document: (place[document["trial"]], document["step"]))
    return [_checkpoint(document) for document in found]


def _checkpoint(document: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        document["trial"],
        document.get("attempt") or 0,
        document["step"],
        document["path"],
        {entry["file"]: entry["bytes"] for entry in document.get("resources") or ()},
        document.get("metadata") or {},
        document.get("time"),
        document.get("id") or "",
        document.get("state") or COMPLETED,
        bool(document.get("pinned")),
        document.get("host") or "",
    )


def pin_checkpoint(database: Database, checkpoint: Checkpoint, pinned: bool = True) -> bool:
    """Keep a checkpoint whatever the policy says, or no longer; return whether it is there."""
    there = {"id": checkpoint.id, "state": COMPLETED}
    return database.update(CHECKPOINTS, there, {"$set": {"pinned": pinned}}) > 0


def claim_deletion(database: Database, experiment: Any, checkpoint: Checkpoint) -> bool:
    """Say that the files of a checkpoint are going to be deleted, unless it was pinned meanwhile.

    Who is killed before :func:`note_deletion` leaves a record that says so, to be gone on with.
    """
    unpinned = {
        "experiment": experiment,
        "id": checkpoint.id,
        "state": {"$in": [COMPLETED, DELETING]},
        "pinned": {"$ne": True},
    }
    return database.update(CHECKPOINTS, unpinned, {"$set": {"state": DELETING}}) > 0


def note_deletion(database: Database, experiment: Any, checkpoint: Checkpoint) -> None:
    """Say that the files of a checkpoint are gone; its record stays."""
    gone = {"state": DELETED, "resources": []}
    database.update(
        CHECKPOINTS,
        {"experiment": experiment, "id": checkpoint.id, "state": DELETING},
        {"$set": gone},
    )


def is_used_elsewhere(database: Database, experiment: Any, checkpoint: Checkpoint) -> bool:
    """Whether a copy of the experiment in the same database has the same checkpoint."""
    query = {"id": checkpoint.id, "state": COMPLETED, "experiment": {"$ne": experiment}}
    return database.count(CHECKPOINTS, query) > 0
