"""Who works on experiments now: on which host, on which trials, since when, and how fast."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from orion_like.storage import Storage
from orion_like.storage.storage import TRIALS
from orion_like.storage.worker_id import is_certainly_dead, process_of
from orion_like.storage.workers import WorkerRecord, fetch_lost_workers, fetch_workers
from orion_like.trial import is_stopped

UNKNOWN = "unknown"
"""Id and host of workers that do not say who they are, as those of Oríon."""

_TRIAL_FIELDS = ("id", "number", "experiment", "worker", "start_time", "heartbeat", "attempt")
_ENDED_FIELDS = ("worker", "status", "stopped", "end_time")
_SHORTEST = timedelta(seconds=1)  # a rate is not told of less


@dataclass(frozen=True)
class RunningTrial:
    """A trial that a worker runs.

    Parameters
    ----------
    id, number, attempt
        Which trial, and at which attempt.
    start_time
        When it was first started.
    """

    id: str
    number: int | None
    attempt: int
    start_time: datetime | None


@dataclass(frozen=True)
class Worker:
    """A worker that is at work, or died without saying so.

    Parameters
    ----------
    id
        Unique id of the worker.
    experiment
        The ``_id`` of its experiment.
    host
        Where it runs.
    pid
        Its process there; None if its id does not tell.
    state
        ``running`` trials, ``waiting`` for one, ``paused`` with its experiment, or ``lost``.
    trials
        What it runs.
    start, heartbeat
        When it began, and its last sign of life; None if nothing tells.
    completed, stopped, broken
        How many of its trials ended so, since it began; None if it does not tell when.
    trials_per_hour
        How many trials it finishes in an hour, on the average since it began; None if it began
        just now.
    n_workers
        Trials that it runs at once; None if it does not tell.
    version
        Version of this package that it runs; None if it does not tell.
    clock_ahead
        Seconds by which the clock of its host is ahead of the database's; None if it does not
        tell.
    """

    id: str
    experiment: Any
    host: str
    pid: int | None
    state: str
    trials: tuple[RunningTrial, ...]
    start: datetime | None = None
    heartbeat: datetime | None = None
    completed: int | None = None
    stopped: int | None = None
    broken: int | None = None
    trials_per_hour: float | None = None
    n_workers: int | None = None
    version: str | None = None
    clock_ahead: float | None = None


def fetch_fleet(
    storage: Storage, experiments: Iterable[Mapping[str, Any]], lost_threshold: float
) -> list[Worker]:
    """Return the workers of some experiments, by experiment, host and beginning.

    Those that were started by this package tell of themselves, also while they wait. Of others,
    such as Oríon's, and of programs that ask for trials themselves, the trials tell that they
    have reserved.

    Parameters
    ----------
    storage
        Where the experiments live.
    experiments
        Their documents, with ``_id`` and ``state``.
    lost_threshold
        Seconds without a sign of life after which a worker of which only trials tell is lost.
    """
    states = {document["_id"]: document.get("state") for document in experiments}
    records = fetch_workers(storage.database, list(states))
    lost = fetch_lost_workers(storage.database, records)
    reserved = _reserved_trials(storage, list(states))
    ended = _Ended(storage, records)
    workers = [_of_record(record, lost, reserved, ended, states) for record in records]
    known = {record.worker for record in records}
    others = [key for key in reserved if key[1] not in known]
    workers += [_of_trials(*key, reserved[key], lost_threshold) for key in others]
    order = {uid: place for place, uid in enumerate(states)}
    return sorted(workers, key=lambda w: (order[w.experiment], w.host, str(w.start), w.id))


class _Ended:
    """How many trials each worker has ended since it began."""

    def __init__(self, storage: Storage, records: Sequence[WorkerRecord]) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        starts = {record.worker: record.start for record in records}
        for uid in dict.fromkeys(record.experiment for record in records):
            mine = [record.worker for record in records if record.experiment == uid]
            query = {
                "experiment": uid,
                "status": {"$in": ["completed", "suspended", "broken"]},
                "worker": {"$in": mine},
            }
            for document in storage.database.find(TRIALS, query, fields=_ENDED_FIELDS):
                end, start = document.get("end_time"), starts[document["worker"]]
                is_over = document["status"] != "suspended" or is_stopped(document)
                if is_over and end is not None and (start is None or end >= start):
                    self._counts[document["worker"], document["status"]] += 1

    def of(self, worker: str) -> dict[str, int]:
        """Return the numbers of its trials by how they ended."""
        return {
            "completed": self._counts[worker, "completed"],
            "stopped": self._counts[worker, "suspended"],
            "broken": self._counts[worker, "broken"],
        }


Reserved = Mapping[tuple[Any, str], Sequence[Mapping[str, Any]]]
"""Documents of reserved trials by experiment and worker."""


def _reserved_trials(storage: Storage, experiments: Sequence[Any]) -> Reserved:
    query = {"experiment": {"$in": list(experiments)}, "status": "reserved"}
    reserved: dict[tuple[Any, str], list[Mapping[str, Any]]] = defaultdict(list)
    for document in storage.database.find(TRIALS, query, fields=_TRIAL_FIELDS):
        reserved[document["experiment"], document.get("worker") or UNKNOWN].append(document)
    return reserved


def _of_record(
    record: WorkerRecord,
    lost: set[str],
    reserved: Reserved,
    ended: _Ended,
    states: Mapping[Any, Any],
) -> Worker:
    trials = _running(reserved.get((record.experiment, record.worker), ()))
    if record.worker in lost:
        state = "lost"
    elif trials:
        state = "running"
    else:
        state = "paused" if states[record.experiment] == "paused" else "waiting"
    counts = ended.of(record.worker)
    host, pid = process_of(record.worker)
    return Worker(
        id=record.worker,
        experiment=record.experiment,
        host=host,
        pid=pid,
        state=state,
        trials=trials,
        start=record.start,
        heartbeat=record.heartbeat,
        **counts,
        trials_per_hour=_rate(sum(counts.values()), record.start),
        n_workers=record.n_workers,
        version=record.version,
        clock_ahead=record.clock_ahead,
    )


def _of_trials(
    experiment: Any,
    worker: str,
    documents: Sequence[Mapping[str, Any]],
    lost_threshold: float,
) -> Worker:
    """Return a worker that tells nothing of itself, from the trials that it has reserved."""
    trials = _running(documents)
    heartbeats = [doc["heartbeat"] for doc in documents if doc.get("heartbeat") is not None]
    heartbeat = max(heartbeats, default=None)
    age = timedelta.max if heartbeat is None else datetime.now(timezone.utc) - heartbeat
    is_lost = age.total_seconds() > lost_threshold or is_certainly_dead(worker)
    host, pid = process_of(worker)
    return Worker(
        id=worker,
        experiment=experiment,
        host=host,
        pid=pid,
        state="lost" if is_lost else "running",
        trials=trials,
        heartbeat=heartbeat,
    )


def _running(documents: Sequence[Mapping[str, Any]]) -> tuple[RunningTrial, ...]:
    trials = [
        RunningTrial(
            document["id"],
            document.get("number"),
            document.get("attempt") or 0,
            document.get("start_time"),
        )
        for document in documents
    ]
    return tuple(sorted(trials, key=lambda trial: (str(trial.start_time), trial.id)))


def _rate(finished: int, since: datetime | None) -> float | None:
    if since is None:
        return None
    passed = datetime.now(timezone.utc) - since
    return finished / (passed / timedelta(hours=1)) if passed >= _SHORTEST else None
