"""Whether a database is as it should be: its file, its indexes, and every document.

Workers may go on meanwhile. What they change between two reads may look wrong, so a finding
counts only if it is there at a second look too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from orion_like.errors import CorruptedDatabaseError, DatabaseError
from orion_like.storage.check_documents import Finding, check_experiment, title_of
from orion_like.storage.copy_journal import unfinished
from orion_like.storage.database import Ago, Database, PickledDB
from orion_like.storage.database.filelock import FileLock
from orion_like.storage.database.log import Log, NoSuchLog
from orion_like.storage.orion_database import OrionFileDB
from orion_like.storage.prior_trials import PRIOR_TRIALS
from orion_like.storage.salvage import UNFINISHED, Loss, read_damaged
from orion_like.storage.storage import EXPERIMENTS, INDEXES, OF_TRIALS, TRIALS, Storage

LOST_THRESHOLD: Final = 240.0  # seconds; twice the time between two heartbeats
_FILE: Final = "file"
_ORION: Final = Finding(
    "note",
    _FILE,
    "Oríon wrote it, so it can only be read",
    "'orion-like db upgrade' converts it, after a backup",
)


@dataclass
class Report:
    """What a check has looked at, and found.

    Parameters
    ----------
    experiments, trials
        How many of them there are.
    findings
        What is wrong, and what is worth a note.
    """

    experiments: int = 0
    trials: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.severity != "wrong" for finding in self.findings)


def check(database: Database, lost_threshold: float = LOST_THRESHOLD) -> Report:
    """Look at all of a database, without changing anything.

    Parameters
    ----------
    database
        As `open_database` gives it: opening a storage makes missing indexes.
    lost_threshold
        Seconds without a heartbeat after which the worker of a trial counts as gone.

    Examples
    --------
    >>> from orion_like.storage import EphemeralDB, Storage
    >>> check(Storage(EphemeralDB()).database).is_sound
    True
    """
    report = Report()
    if isinstance(database, PickledDB):
        report.findings += _check_file(database)
        if not report.is_sound:
            return report
    if isinstance(database, OrionFileDB):
        report.findings.append(_ORION)
    else:
        report.findings += _check_indexes(database)
    report.experiments, report.trials = database.count(EXPERIMENTS), database.count(TRIALS)
    uids = [document["_id"] for document in database.find(EXPERIMENTS, fields=["name"])]
    for uid in uids:
        report.findings += _confirmed(database, uid, lost_threshold)
    report.findings += _unowned(database)
    report.findings += _unfinished_copies(database)
    return report


def repair(storage: Storage, report: Report) -> int:
    """Do what can be done without a person; return how many findings that were.

    Parameters
    ----------
    storage
        The storage that was checked. That it is open has made missing indexes.
    report
        What `check` found.
    """
    repairs = [finding.repair for finding in report.findings if finding.repair is not None]
    for repair_ in repairs:
        repair_(storage)
    return len(repairs)


# --- the file -----------------------------------------------------------------------------------


def _check_file(database: PickledDB) -> Iterator[Finding]:
    try:
        Log(database.path)
    except NoSuchLog:
        return
    except DatabaseError as error:
        remedy = "choose another file, or put a backup in its place"
        if isinstance(error, CorruptedDatabaseError) and "salvage" in str(error):
            remedy = _salvage(database)
        yield Finding("wrong", _FILE, str(error), remedy)
        return
    for loss in _losses(database):
        if loss.what == UNFINISHED:
            yield Finding(
                "note",
                _FILE,
                f"{loss}; it was not acknowledged",
                "nothing: the next write cuts it off",
            )
        else:
            yield Finding("wrong", _FILE, f"{loss}", _salvage(database))


def _losses(database: PickledDB) -> list[Loss]:
    """Return what cannot be read, also while nobody is in the middle of a write."""
    if not read_damaged(database.path)[1]:
        return []
    lock = FileLock(database.path.with_name(database.path.name + ".lock"), database.timeout)
    lock.acquire()
    try:
        return read_damaged(database.path)[1]
    finally:
        lock.release()


def _salvage(database: PickledDB) -> str:
    return (
        f"keep a copy of it, and write all that is readable into a new file: 'orion-like db"
        f" salvage {database.path} -o NEW'; or put a backup in its place"
    )


# --- indexes ------------------------------------------------------------------------------------


def _check_indexes(database: Database) -> Iterator[Finding]:
    collections = set(database.collections())
    for (collection, keys), wanted in INDEXES.items():
        if collection not in collections:
            continue
        there = database.indexes(collection).get(keys)
        place = f"index of {collection} on {', '.join(keys)}"
        if there is None:
            yield Finding(
                "wrong",
                place,
                "it is missing",
                "--repair makes it, and so does the next hunt",
                lambda _: None,  # opening the storage has done it
            )
        elif there != wanted:
            yield Finding(
                "wrong",
                place,
                f"it is {there}, and should be {wanted}",
                "drop it; the next command makes it anew",
            )


# --- documents ----------------------------------------------------------------------------------


def _confirmed(database: Database, uid: Any, lost_threshold: float) -> list[Finding]:
    findings = _look(database, uid, lost_threshold)
    if not findings:
        return []
    again = _look(database, uid, lost_threshold)
    return [finding for finding in again if finding in findings]


def _look(database: Database, uid: Any, lost_threshold: float) -> list[Finding]:
    lost = {
        "experiment": uid,
        "status": "reserved",
        "$or": [{"heartbeat": {"$lt": Ago(lost_threshold)}}, {"heartbeat": None}],
    }
    silent = {document["_id"] for document in database.find(TRIALS, lost, fields=["id"])}
    trials = database.find(TRIALS, {"experiment": uid})
    # After its trials, so that its counters are not older than they are.
    found = database.find(EXPERIMENTS, {"_id": uid})
    experiments = database.find(EXPERIMENTS, fields=["refers.parent_id"])
    known = {doc["_id"]: (doc.get("refers") or {}).get("parent_id") for doc in experiments}
    if not found:
        return []
    findings = list(check_experiment(found[0], trials, known, silent))
    twins = database.count(
        EXPERIMENTS, {"name": found[0].get("name"), "version": found[0].get("version")}
    )
    if twins > 1:
        findings.append(
            Finding(
                "wrong",
                title_of(found[0]),
                f"{twins} experiments have this name and version",
                "look at them in the database and rename all but one",
            )
        )
    return findings


def _unowned(database: Database) -> Iterator[Finding]:
    """Find trials of experiments, and belongings of trials, that are not there."""
    for collection in OF_TRIALS:
        yield from _belongings_of_nobody(database, collection)
    yield from _prior_trials_of_nobody(database)
    counts = database.count_by(TRIALS, "experiment")
    known = {document["_id"] for document in database.find(EXPERIMENTS, fields=["name"])}
    for uid, number in counts.items():
        if uid not in known and database.count(TRIALS, {"experiment": uid}):
            yield Finding(
                "wrong",
                "trials",
                f"{number} belong to an experiment that does not exist (its id would be {uid})",
                "a deletion was cut short: --repair completes it",
                lambda storage, uid=uid: storage.delete_experiment(uid),  # type: ignore[misc]
            )


def _belongings_of_nobody(database: Database, collection: str) -> Iterator[Finding]:
    counts = database.count_by(collection, "trial")
    known = {document["_id"] for document in database.find(TRIALS, fields=["_id"])}
    query = {"trial": {"$in": [uid for uid in counts if uid not in known]}}
    number = database.count(collection, query)
    if number:
        yield Finding(
            "wrong",
            collection,
            f"{number} are of trials that do not exist",
            "a deletion was cut short: --repair completes it",
            lambda storage: storage.database.remove(collection, query),
        )


def _prior_trials_of_nobody(database: Database) -> Iterator[Finding]:
    """Find copies of trials that no experiment starts from; a new one has them before it is."""
    counts = database.count_by(PRIOR_TRIALS, "mark")
    experiments = database.find(EXPERIMENTS, fields=["warm_start"])
    known = {(experiment.get("warm_start") or {}).get("mark") for experiment in experiments}
    query = {"mark": {"$in": [mark for mark in counts if mark not in known]}}
    number = database.count(PRIOR_TRIALS, query)
    if number:
        yield Finding(
            "note",
            PRIOR_TRIALS,
            f"{number} belong to no experiment",
            "an experiment is being made or deleted, or that was cut short: --repair deletes them",
            lambda storage: storage.database.remove(PRIOR_TRIALS, query),
        )


def _unfinished_copies(database: Database) -> Iterator[Finding]:
    for source in unfinished(database):
        yield Finding(
            "note",
            "copies",
            f"a copy from {source} is going on, or was cut short",
            f"if it was: 'orion-like db copy {source} {database.url}' goes on with it",
        )
