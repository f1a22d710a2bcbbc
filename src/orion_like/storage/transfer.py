"""Copying experiments from one storage to another: dumps, loads, moves to another database.

An experiment is copied under a provisional name and gets its own name when all that belongs
to it is there, so that others see it whole or not at all. Identities that databases make up
(``_id``) are made up anew, and all that refers to them is changed with them. Workers may go on
at the source: what they change while its trials are copied is copied after them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from orion_like.errors import DatabaseError, DuplicateKeyError, NoConfigurationError
from orion_like.storage.adoption import STATES, adopt, is_adopted
from orion_like.storage.copy_journal import COPIES, CopyJournal
from orion_like.storage.database import PickledDB
from orion_like.storage.output_file import check_output_file
from orion_like.storage.setup import open_file
from orion_like.storage.storage import BUDGET_FIELDS, EXPERIMENTS, TRIALS, Storage
from orion_like.storage.workers import WORKERS

BENCHMARKS = "benchmarks"
BATCH = 1000  # documents written at once

Resolution = Literal["ignore", "overwrite", "bump"]
Document = dict[str, Any]
_T = TypeVar("_T")
OnProgress = Callable[[str, int, int], Any]
"""Called with the title of an experiment, and how many of its how many trials are copied."""


@dataclass(frozen=True)
class Step:
    """What is done with one experiment.

    Parameters
    ----------
    document
        The experiment, as it is at the source.
    action
        ``insert``, ``skip`` (there is one of that name and version), or ``replace`` it.
    version
        Its version at the destination.
    """

    document: Mapping[str, Any]
    action: Literal["insert", "skip", "replace"]
    version: int


@dataclass
class Transfer:
    """What was copied.

    Parameters
    ----------
    experiments
        Pairs of the title ``name-vN`` at the source and at the destination.
    skipped
        Titles that were left out because the destination has them.
    before
        Titles that were copied before, by a copy that was cut short.
    trials, benchmarks
        How many of them were copied.
    """

    experiments: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    trials: int = 0
    benchmarks: int = 0


def dump(
    storage: Storage,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: int | None = None,
    overwrite: bool = False,
) -> Transfer:
    """Copy everything, or one experiment, into a new database file.

    Parameters
    ----------
    storage
        Where to copy from.
    path
        The file. It appears when it is complete.
    name
        Copy only this experiment. Default: all, and the benchmarks.
    version
        Version of the experiment. Default: the latest.
    overwrite
        Whether an existing file is replaced. Default False.

    Raises
    ------
    DatabaseError
        If the file exists, or is the database itself.
    NoConfigurationError
        If there is no such experiment.
    """
    path = Path(path)
    check_output_file(path, storage.database, "dump", overwrite=overwrite)
    workshop = Path(tempfile.mkdtemp(prefix=".dump-", dir=path.absolute().parent))
    try:
        target = Storage(PickledDB(host=str(workshop / path.name)))
        transfer = copy(storage, target, name=name, version=version)
        target.close()
        os.replace(workshop / path.name, path)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return transfer


def load(
    storage: Storage,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: int | None = None,
    resolve: Resolution | None = None,
) -> Transfer:
    """Copy everything, or one experiment, from a database file such as `dump` or Oríon writes.

    Parameters
    ----------
    storage
        Where to copy to.
    path
        The file.
    name, version
        Copy only this experiment, the latest version by default. Default: all.
    resolve
        See `copy`.

    Raises
    ------
    DatabaseError
        If the file is missing or no database, or the storage has some of it already.
    NoConfigurationError
        If there is no such experiment in the file.
    """
    path = Path(path)
    if not path.is_file():
        raise DatabaseError(f"there is no file {path} to load")
    source = Storage(open_file(path))
    try:
        return copy(source, storage, name=name, version=version, resolve=resolve)
    finally:
        source.close()


def copy(
    source: Storage,
    destination: Storage,
    *,
    name: str | None = None,
    version: int | None = None,
    resolve: Resolution | None = None,
    resumable: bool = False,
    on_progress: OnProgress | None = None,
) -> Transfer:
    """Copy experiments, with all that belongs to them, and benchmarks.

    Parameters
    ----------
    source, destination
        From where to where.
    name, version
        Copy only this experiment (the latest version by default), without its links to other
        versions and without the benchmarks. Default: all.
    resolve
        What happens with an experiment whose name and version the destination has:
        ``ignore`` leaves it out, ``overwrite`` replaces the one there, ``bump`` gives it the
        next free version. Default: nothing is copied at all.
    resumable
        Whether a copy that is killed can be gone on with, by the same call again: nothing is
        copied twice. Default False: what is unfinished after a failure is deleted.
    on_progress
        Called after each batch of trials.

    Raises
    ------
    DatabaseError
        If the destination has some of it and `resolve` is None, or if an experiment that
        is to be replaced has running trials.
    NoConfigurationError
        If there is no such experiment at the source.
    """
    if not resumable:
        return _Copying(source, destination, None, on_progress).run(name, version, resolve)
    _chosen(source, name, version)  # complains before anything is written
    journal = CopyJournal(destination.database, source.url)
    with journal.kept_on_failure():
        transfer = _Copying(source, destination, journal, on_progress).run(name, version, resolve)
    journal.finish()
    return transfer


# --- planning -----------------------------------------------------------------------------------


def plan(
    documents: Iterable[Mapping[str, Any]],
    taken: Collection[tuple[str, int]],
    resolve: Resolution | None = None,
) -> list[Step]:
    """Decide what is done with each experiment, in the order of their versions.

    Parameters
    ----------
    documents
        The experiments to copy.
    taken
        Names and versions at the destination.
    resolve
        See `copy`.

    Raises
    ------
    DatabaseError
        If some are taken and `resolve` is None.

    Examples
    --------
    >>> versions = [{"name": "demo", "version": 1}, {"name": "demo", "version": 2}]
    >>> [(step.action, step.version) for step in plan(versions, {("demo", 1)}, "bump")]
    [('insert', 2), ('insert', 3)]
    """
    ordered = sorted(documents, key=lambda doc: (doc["name"], doc.get("version", 1)))
    conflicts = [
        _title(doc["name"], doc.get("version", 1))
        for doc in ordered
        if (doc["name"], doc.get("version", 1)) in taken
    ]
    if conflicts and resolve is None:
        raise DatabaseError(
            f"{_some(conflicts)} {'is' if len(conflicts) == 1 else 'are'} there already, so "
            "nothing was copied; choose to ignore, overwrite or bump what is there"
        )
    steps = []
    used = set(taken)
    bumped: set[str] = set()
    for document in ordered:
        name, version = document["name"], document.get("version", 1)
        action: Literal["insert", "skip", "replace"] = "insert"
        if resolve == "bump" and ((name, version) in used or name in bumped):
            bumped.add(name)
            version = 1 + max(number for other, number in used if other == name)
        elif (name, version) in used:
            action = "skip" if resolve == "ignore" else "replace"
        used.add((name, version))
        steps.append(Step(document, action, version))
    return steps


def _parents_first(steps: Iterable[Step]) -> list[Step]:
    """Return steps such that what is branched from another one comes after it."""
    by_id = {step.document["_id"]: step for step in steps}
    ordered: dict[Any, Step] = {}
    for step in by_id.values():
        line = [step]
        while True:
            parent = (line[-1].document.get("refers") or {}).get("parent_id")
            if parent not in by_id or parent in ordered or by_id[parent] in line:
                break  # the last one for damaged ones, which may be a ring
            line.append(by_id[parent])
        ordered |= {one.document["_id"]: one for one in reversed(line)}
    return list(ordered.values())


def _chosen(source: Storage, name: str | None, version: int | None) -> list[Document]:
    if name is None:
        return source.fetch_experiments()
    documents = source.fetch_experiments({"name": name})
    if version is not None:
        documents = [doc for doc in documents if doc.get("version", 1) == version]
    if not documents:
        which = name if version is None else _title(name, version)
        raise NoConfigurationError(f"No experiment found with the name {which!r} in {source.url}")
    return [{**documents[-1], "refers": {}}]


def _plan_benchmarks(
    destination: Storage, benchmarks: list[Document], resolve: Resolution | None
) -> list[Document]:
    """Return the benchmarks to copy; they have no versions that could be bumped."""
    if not benchmarks:
        return []
    there = {doc.get("name") for doc in destination.database.find(BENCHMARKS, fields=["name"])}
    conflicts = [str(doc.get("name")) for doc in benchmarks if doc.get("name") in there]
    if conflicts and resolve in (None, "bump"):
        raise DatabaseError(
            f"benchmark {_some(conflicts)} is there already, so nothing was copied; benchmarks "
            "have no versions to bump: choose to ignore or overwrite what is there"
        )
    if resolve == "ignore":
        return [doc for doc in benchmarks if doc.get("name") not in there]
    return benchmarks


def _refuse_running(destination: Storage, step: Step, taken: Mapping[tuple[str, int], Any]) -> None:
    name = step.document["name"]
    running = destination.count_by_status(taken[name, step.version]).get("reserved", 0)
    if running:
        raise DatabaseError(
            f"{_title(name, step.version)} has {running} running trials in {destination.url}, so "
            "it cannot be overwritten; wait for them, or release them if their workers are dead"
        )


# --- copying ------------------------------------------------------------------------------------


class _Copying:
    """One run of `copy`.

    Parameters
    ----------
    source, destination, on_progress
        See `copy`.
    journal
        Where it is noted how far the copy is; None if it need not be resumable.
    """

    def __init__(
        self,
        source: Storage,
        destination: Storage,
        journal: CopyJournal | None,
        on_progress: OnProgress | None,
    ) -> None:
        self._source = source
        self._destination = destination
        self._journal = journal
        self._on_progress = on_progress
        self._identities: dict[Any, Any] = {}
        self._transfer = Transfer()

    def run(self, name: str | None, version: int | None, resolve: Resolution | None) -> Transfer:
        documents = [doc for doc in _chosen(self._source, name, version) if not self._is_done(doc)]
        benchmarks = self._source.database.find(BENCHMARKS) if name is None else []
        existing = self._destination.fetch_experiments(fields=["name", "version"])
        taken = {(doc["name"], doc.get("version", 1)): doc["_id"] for doc in existing}
        steps = plan(documents, taken, resolve)
        if self._journal is not None and self._journal.is_resumed:
            new_benchmarks = _plan_benchmarks(self._destination, benchmarks, resolve or "ignore")
        else:
            new_benchmarks = _plan_benchmarks(self._destination, benchmarks, resolve)
        for step in steps:
            if step.action == "replace":
                _refuse_running(self._destination, step, taken)
        for step in _parents_first(steps):
            self._take(step, taken.get((step.document["name"], step.version)))
        for benchmark in new_benchmarks:
            self._destination.database.remove(BENCHMARKS, {"name": benchmark.get("name")})
            self._destination.database.insert(BENCHMARKS, _without(benchmark, "_id"))
            self._transfer.benchmarks += 1
        return self._transfer

    def _is_done(self, document: Mapping[str, Any]) -> bool:
        """Whether an experiment was copied completely before the copy was cut short."""
        entry = self._journal.entry(document["_id"]) if self._journal is not None else None
        if entry is None or entry["target"] is None:
            return False
        there = self._destination.fetch_experiments({"_id": entry["target"]}, ["name"])
        if not there or there[0]["name"] == entry["provisional"]:
            return False
        self._identities[document["_id"]] = entry["target"]
        self._transfer.before.append(_title(document["name"], document.get("version", 1)))
        return True

    def _take(self, step: Step, there: Any) -> None:
        if step.action == "skip":
            self._identities[step.document["_id"]] = there
            self._transfer.skipped.append(_title(step.document["name"], step.version))
            return
        new = self._provisional_copy(step)
        try:
            trials = self._copy_belongings(step, new)
            if not is_adopted(step.document):
                _adopt_copy(self._destination, {**step.document, "_id": new})
        except BaseException:
            if self._journal is None:
                self._destination.delete_experiment(new)
            raise
        if there is not None:
            _relink(self._destination, there, new)
            self._destination.delete_experiment(there)
        self._give_its_name(step, new)
        self._identities[step.document["_id"]] = new
        before = _title(step.document["name"], step.document.get("version", 1))
        self._transfer.experiments.append((before, _title(step.document["name"], step.version)))
        self._transfer.trials += trials

    def _provisional_copy(self, step: Step) -> Any:
        """Return the id of the copy of an experiment under a provisional name."""
        old, name = step.document["_id"], step.document["name"]
        provisional = f"{name} (being copied {secrets.token_hex(4)})"
        if self._journal is not None:
            entry = self._journal.entry(old) or self._journal.begin(old, provisional)
            provisional = entry["provisional"]
            begun = self._destination.fetch_experiments({"name": provisional}, ["name"])
            if begun:
                return begun[0]["_id"]
        # A copy elsewhere goes on from the same checkpoints; two in one place must not share them.
        own = ("uuid",) if step.version != step.document.get("version", 1) else ()
        document = {
            **_without(step.document, "_id", *own),
            "name": provisional,
            "version": step.version,
            "refers": _new_references(step.document, self._identities),
        }
        return self._destination.create_experiment(document)["_id"]

    def _give_its_name(self, step: Step, new: Any) -> None:
        name = step.document["name"]
        if self._journal is not None:
            self._journal.note(step.document["_id"], target=new)
        try:
            self._destination.update_experiment(
                new, name=name, version=step.version, **self._budget(step)
            )
        except DuplicateKeyError as error:
            self._destination.delete_experiment(new)
            if self._journal is not None:
                self._journal.forget(step.document["_id"])
            raise DatabaseError(
                f"{_title(name, step.version)} came into being in {self._destination.url} meanwhile"
            ) from error

    def _budget(self, step: Step) -> Document:
        """Return the counters and limits as they are after all trials were copied."""
        uid = step.document["_id"]
        newest = self._source.fetch_experiments({"_id": uid}, BUDGET_FIELDS)
        if not newest or not is_adopted(step.document):
            return {}
        return _without(newest[0], "_id")

    def _copy_belongings(self, step: Step, new: Any) -> int:
        """Copy all documents that name an experiment; return how many trials there are."""
        old, database = step.document["_id"], self._source.database
        identities = self._copy_trials(step, new)  # first: others may refer to them
        others = set(database.collections()) - {
            EXPERIMENTS,
            BENCHMARKS,
            TRIALS,
            STATES,
            COPIES,
            WORKERS,
        }
        for collection in sorted(others):
            if self._journal is not None:  # of these, a copy cut short is begun anew
                self._destination.database.remove(collection, {"experiment": new})
            documents = database.find(collection, {"experiment": old})
            for batch in _batches(documents):
                # Trials that came meanwhile are not copied, and nothing that belongs to them.
                wanted = [
                    doc for doc in batch if doc.get("trial") is None or doc["trial"] in identities
                ]
                copies = [{**_of(new, doc), **_new_trial(doc, identities)} for doc in wanted]
                self._destination.database.insert_many(collection, copies)
                self._beat()
        return len(identities)

    def _copy_trials(self, step: Step, new: Any) -> dict[Any, Any]:
        """Copy the trials; return their ids at the destination by those at the source."""
        title = _title(step.document["name"], step.document.get("version", 1))
        trials, token = self._source.changed_trials(step.document["_id"], None)
        identities: dict[Any, Any] = {}
        missing = self._update_copies(new, trials, identities) if self._journal else list(trials)
        self._tell(title, len(identities), len(trials))
        for batch in _batches(missing):
            ids = self._destination.database.insert_many(TRIALS, [_of(new, doc) for doc in batch])
            identities |= {doc["_id"]: _id for doc, _id in zip(batch, ids, strict=True)}
            self._beat()
            self._tell(title, len(identities), len(trials))
        changed, _ = self._source.changed_trials(step.document["_id"], token)
        late = self._update_copies(new, changed, identities)
        if late:
            ids = self._destination.database.insert_many(TRIALS, [_of(new, doc) for doc in late])
            identities |= {doc["_id"]: _id for doc, _id in zip(late, ids, strict=True)}
        return identities

    def _update_copies(
        self, new: Any, trials: Iterable[Mapping[str, Any]], identities: dict[Any, Any]
    ) -> list[Mapping[str, Any]]:
        """Bring the copies that are there up to date, note their ids, and return what has none."""
        trials = list(trials)
        if not trials:
            return []
        database, missing = self._destination.database, []
        there = {doc["id"]: doc for doc in database.find(TRIALS, {"experiment": new})}
        for trial in trials:
            copied = there.get(trial["id"])
            if copied is None:
                missing.append(trial)
                continue
            identities[trial["_id"]] = copied["_id"]
            wanted = _of(new, trial)
            if wanted != _without(copied, "_id", "change"):
                database.update(TRIALS, {"_id": copied["_id"]}, {"$set": wanted}, durable=False)
        # A trial that was deleted at the source meanwhile, and its number given to another.
        numbers = {trial.get("number") for trial in missing} - {None}
        current = {trial["id"] for trial in trials}
        stale = [
            doc["_id"]
            for doc in there.values()
            if doc.get("number") in numbers and doc["id"] not in current
        ]
        if stale:
            database.remove(TRIALS, {"_id": {"$in": stale}})
        return missing

    def _beat(self) -> None:
        if self._journal is not None:
            self._journal.beat()

    def _tell(self, title: str, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(title, done, total)


def _of(experiment: Any, document: Mapping[str, Any]) -> Document:
    """Return a document as one of another experiment, without what databases make up."""
    return {**_without(document, "_id", "change"), "experiment": experiment}


def _batches(documents: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(documents), BATCH):
        yield documents[start : start + BATCH]


def _adopt_copy(destination: Storage, document: Mapping[str, Any]) -> None:
    """Take over a copy from a database of Oríon; creating it has set a counter already."""
    uid = document["_id"]
    destination.database.update(EXPERIMENTS, {"_id": uid}, {"$unset": {"next_number": ""}})
    adopt(destination, document)


def _new_trial(document: Mapping[str, Any], identities: Mapping[Any, Any]) -> Document:
    trial = document.get("trial")
    return {} if trial is None else {"trial": identities[trial]}


def _new_references(document: Mapping[str, Any], identities: Mapping[Any, Any]) -> Document:
    """Return the links to other versions; those to what was not copied are cut."""
    refers = dict(document.get("refers") or {})
    parent = identities.get(refers.get("parent_id"))
    root = identities.get(refers.get("root_id")) if parent is not None else None
    adapter = refers.get("adapter") or [] if parent is not None else []
    return {**refers, "parent_id": parent, "root_id": root, "adapter": adapter}


def _relink(destination: Storage, old: Any, new: Any) -> None:
    """Make the experiments that were branched from one refer to another."""
    for link in ("refers.parent_id", "refers.root_id"):
        destination.database.update(EXPERIMENTS, {link: old}, {"$set": {link: new}})


def _without(document: Mapping[str, Any], *keys: str) -> Document:
    return {key: value for key, value in document.items() if key not in keys}


def _title(name: str, version: int) -> str:
    return f"{name}-v{version}"


def _some(titles: list[str]) -> str:
    return ", ".join(titles[:5]) + (f" and {len(titles) - 5} more" if len(titles) > 5 else "")
