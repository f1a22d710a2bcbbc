"""Signs of life of workers: one small document for each that is at work, kept by itself.

Who owns which trial is in the trials; this tells of workers that wait, and on which host,
with which version and by which clock they work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from orion_like.errors import DuplicateKeyError
from orion_like.storage.database import NOW, Ago, Database
from orion_like.storage.worker_id import is_certainly_dead, process_of

WORKERS = "workers"
_FORGOTTEN_AFTER = 86_400.0  # seconds without a sign of life


@dataclass(frozen=True)
class WorkerRecord:
    """What a worker tells of itself.

    Parameters
    ----------
    worker
        Its id, which is the ``_id`` of the document.
    experiment
        The ``_id`` of the experiment that it works on.
    version
        Version of this package that it runs.
    n_workers
        Trials that it runs at once.
    lost_threshold
        Seconds without a sign of life after which it counts as lost.
    clock_ahead
        Seconds by which the clock of its host was ahead of the database's.
    start, heartbeat
        When it began, and its last sign of life, by the database's clock.
    """

    worker: str
    experiment: Any
    version: str
    n_workers: int
    lost_threshold: float
    clock_ahead: float = 0.0
    start: datetime | None = None
    heartbeat: datetime | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> WorkerRecord:
        """Return the record that a stored document holds."""
        fields = [name for name in cls.__dataclass_fields__ if name != "worker"]
        return cls(document["_id"], **{name: document[name] for name in fields})

    @property
    def host(self) -> str:
        """Name of its host."""
        return process_of(self.worker)[0]


def sign_on(database: Database, record: WorkerRecord) -> None:
    """Store that a worker begins, and forget those that are long gone."""
    others = [other.worker for other in fetch_workers(database, [record.experiment])]
    gone = [record.worker, *(worker for worker in others if is_certainly_dead(worker))]
    is_gone = [{"_id": {"$in": gone}}, {"heartbeat": {"$lt": Ago(_FORGOTTEN_AFTER)}}]
    database.remove(WORKERS, {"$or": is_gone}, durable=False)
    document = {"_id": record.worker, **asdict(record), "start": NOW, "heartbeat": NOW}
    del document["worker"]
    with suppress(DuplicateKeyError):  # written by an attempt whose answer was lost
        database.insert(WORKERS, document, durable=False)


def sign_of_life(database: Database, worker: str, clock_ahead: float) -> bool:
    """Store that a worker is alive; return False if it was taken for dead and forgotten."""
    update = {"$set": {"heartbeat": NOW, "clock_ahead": clock_ahead}}
    return database.update(WORKERS, {"_id": worker}, update, durable=False) > 0


def sign_off(database: Database, worker: str) -> None:
    """Store that a worker has ended, or is known to be dead."""
    database.remove(WORKERS, {"_id": worker}, durable=False)


def fetch_workers(database: Database, experiments: Sequence[Any]) -> list[WorkerRecord]:
    """Return the workers of some experiments (``_id``), those that died included."""
    query = {"experiment": {"$in": list(experiments)}}
    return [WorkerRecord.from_document(document) for document in database.find(WORKERS, query)]


def fetch_lost_workers(database: Database, workers: Sequence[WorkerRecord]) -> set[str]:
    """Return the ids of those workers that are dead, as far as anybody can tell."""
    lost = {record.worker for record in workers if is_certainly_dead(record.worker)}
    for threshold in {record.lost_threshold for record in workers}:
        silent = {"lost_threshold": threshold, "heartbeat": {"$lt": Ago(threshold)}}
        lost |= {document["_id"] for document in database.find(WORKERS, silent)}
    return lost & {record.worker for record in workers}
