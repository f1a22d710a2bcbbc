"""Copying experiments from one storage to another: dumps, loads, moves to another database.

An experiment is copied under a provisional name and gets its own name when all that belongs
to it is there, so that others see it whole or not at all. Identities that databases make up
(``_id``) are made up anew, and all that refers to them is changed with them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from orion_like.errors import DatabaseError, DuplicateKeyError, NoConfigurationError
from orion_like.storage.adoption import STATES, adopt, is_adopted
from orion_like.storage.database import PickledDB
from orion_like.storage.setup import open_file
from orion_like.storage.storage import EXPERIMENTS, TRIALS, Storage

BENCHMARKS = "benchmarks"
BATCH = 1000  # documents written at once

Resolution = Literal["ignore", "overwrite", "bump"]
Document = dict[str, Any]


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
    trials, benchmarks
        How many of them were copied.
    """

    experiments: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
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
        If the file exists.
    NoConfigurationError
        If there is no such experiment.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise DatabaseError(f"file {path} exists already; choose another one, or force it")
    if not path.absolute().parent.is_dir():
        raise DatabaseError(f"directory {path.absolute().parent} for the dump does not exist")
    if path.is_dir():
        raise DatabaseError(f"{path} is a directory; a dump is a file")
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

    Raises
    ------
    DatabaseError
        If the destination has some of it and `resolve` is None, or if an experiment that
        is to be replaced has running trials.
    NoConfigurationError
        If there is no such experiment at the source.
    """
    documents = _chosen(source, name, version)
    benchmarks = source.database.find(BENCHMARKS) if name is None else []
    existing = destination.fetch_experiments(fields=["name", "version"])
    taken = {(doc["name"], doc.get("version", 1)): doc["_id"] for doc in existing}
    steps = plan(documents, taken, resolve)
    new_benchmarks = _plan_benchmarks(destination, benchmarks, resolve)
    for step in steps:
        if step.action == "replace":
            _refuse_running(destination, step, taken)

    transfer = Transfer()
    identities: dict[Any, Any] = {}
    for step in steps:
        key = (step.document["name"], step.version)
        if step.action == "skip":
            identities[step.document["_id"]] = taken[key]
            transfer.skipped.append(_title(*key))
        else:
            _copy_experiment(source, destination, step, taken.get(key), identities, transfer)
    for benchmark in new_benchmarks:
        destination.database.remove(BENCHMARKS, {"name": benchmark.get("name")})
        destination.database.insert(BENCHMARKS, _without(benchmark, "_id"))
        transfer.benchmarks += 1
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


def _copy_experiment(
    source: Storage,
    destination: Storage,
    step: Step,
    replaced: Any,
    identities: dict[Any, Any],
    transfer: Transfer,
) -> None:
    """Copy one experiment under a provisional name, then give it its own."""
    old, name = step.document["_id"], step.document["name"]
    provisional = f"{name} (being copied {secrets.token_hex(4)})"
    document = {
        **_without(step.document, "_id"),
        "name": provisional,
        "version": step.version,
        "refers": _new_references(step.document, identities),
    }
    new = destination.create_experiment(document)["_id"]
    try:
        trials = _copy_belongings(source, destination, old, new)
        if not is_adopted(step.document):
            _adopt_copy(destination, {**step.document, "_id": new})
    except BaseException:
        destination.delete_experiment(new)
        raise
    if replaced is not None:
        _relink(destination, replaced, new)
        destination.delete_experiment(replaced)
    try:
        destination.update_experiment(new, name=name)
    except DuplicateKeyError as error:
        destination.delete_experiment(new)
        raise DatabaseError(
            f"{_title(name, step.version)} came into being in {destination.url} meanwhile"
        ) from error
    identities[old] = new
    before = _title(name, step.document.get("version", 1))
    transfer.experiments.append((before, _title(name, step.version)))
    transfer.trials += trials


def _copy_belongings(source: Storage, destination: Storage, old: Any, new: Any) -> int:
    """Copy all documents that name an experiment; return how many trials there are."""
    counts = {TRIALS: 0}
    trial_identities: dict[Any, Any] = {}
    others = set(source.database.collections()) - {EXPERIMENTS, BENCHMARKS, TRIALS, STATES}
    for collection in (TRIALS, *sorted(others)):  # trials first: others may refer to them
        documents = source.database.find(collection, {"experiment": old})
        counts[collection] = len(documents)
        for start in range(0, len(documents), BATCH):
            batch = documents[start : start + BATCH]
            copies = [
                {
                    **_without(doc, "_id", "change"),
                    **_new_trial(doc, trial_identities),
                    "experiment": new,
                }
                for doc in batch
            ]
            ids = destination.database.insert_many(collection, copies)
            if collection == TRIALS:
                trial_identities |= {doc["_id"]: _id for doc, _id in zip(batch, ids, strict=True)}
    return counts[TRIALS]


def _adopt_copy(destination: Storage, document: Mapping[str, Any]) -> None:
    """Take over a copy from a database of Oríon; creating it has set a counter already."""
    uid = document["_id"]
    destination.database.update(EXPERIMENTS, {"_id": uid}, {"$unset": {"next_number": ""}})
    adopt(destination, document)


def _new_trial(document: Mapping[str, Any], identities: Mapping[Any, Any]) -> Document:
    trial = document.get("trial")
    return {"trial": identities[trial]} if trial is not None and trial in identities else {}


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
