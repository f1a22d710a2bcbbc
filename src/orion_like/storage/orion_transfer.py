"""Coming from Oríon, and going back: conversion in place, and dumps that Oríon opens."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orion_like.errors import DatabaseError, NoConfigurationError
from orion_like.storage.adoption import STATES, adopt, adopted, is_adopted
from orion_like.storage.database import PickledDB
from orion_like.storage.database.durability import sync_directory
from orion_like.storage.database.filelock import FileLock
from orion_like.storage.orion_documents import (
    orion_experiment,
    orion_state,
    orion_trial,
    with_numbers,
)
from orion_like.storage.orion_file import is_orion_file, read_orion_file, write_orion_file
from orion_like.storage.output_file import check_output_file
from orion_like.storage.storage import EXPERIMENTS, TRIALS, Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARKS: Final = "benchmarks"
_BATCH: Final = 1000  # documents written at once
_LOCK_TIMEOUT: Final = 60  # seconds; as Oríon waits

Document = dict[str, Any]


@dataclass(frozen=True)
class Upgrade:
    """What was converted.

    Parameters
    ----------
    experiments, trials
        How many of them; 0 if there was nothing to do.
    backup
        The file that holds everything as it was; None if there was nothing to do.
    """

    experiments: int = 0
    trials: int = 0
    backup: Path | None = None


@dataclass
class OrionDump:
    """What was written for Oríon.

    Parameters
    ----------
    experiments, trials
        How many of them.
    notes
        What Oríon cannot have as it was, and what became of it.
    """

    experiments: int = 0
    trials: int = 0
    notes: list[str] = field(default_factory=list)


# --- converting in place ------------------------------------------------------------------------


def upgrade_file(
    path: str | os.PathLike[str], backup: str | os.PathLike[str] | None = None
) -> Upgrade:
    """Convert a file of Oríon's PickledDB into a database file of this package.

    The workers of Oríon must have been stopped. A backup is safe on the disk before anything
    is changed; the converted file then replaces the other at once.

    Parameters
    ----------
    path
        The file. One that is converted already is left alone.
    backup
        Where the file is kept as it was. Default: beside it, with ``.orion-backup`` appended.

    Raises
    ------
    DatabaseError
        The file is missing or damaged, cannot be written, or changed meanwhile; or the backup
        exists. The file is as it was.
    """
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        raise DatabaseError(f"there is no database file {path}")
    if not is_orion_file(path):
        PickledDB(host=path).collections()  # complains if it is no database at all
        return Upgrade()
    with _no_writer(path):
        before = os.stat(path)
        kept = _backed_up(path, _free_path(path) if backup is None else Path(backup).absolute())
        try:
            collections = adopted(read_orion_file(kept))
        except DatabaseError:
            kept.unlink()  # nothing is changed, so it would only confuse
            raise
        with _workshop(path.parent) as workshop:
            made = _made_database(workshop / path.name, collections)
            os.chmod(made, stat.S_IMODE(before.st_mode))
            now = os.stat(path)
            if (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
                raise DatabaseError(
                    f"{path} was changed during the conversion, so it was left as it is; stop the"
                    " workers of Oríon and try again"
                )
            os.replace(made, path)
        sync_directory(path.parent)
    return Upgrade(len(collections[EXPERIMENTS]), len(collections[TRIALS]), kept)


def upgrade_database(storage: Storage, backup: str | os.PathLike[str]) -> Upgrade:
    """Take over the experiments of Oríon in a database that both use, such as a MongoDB.

    The workers of Oríon must have been stopped.

    Parameters
    ----------
    storage
        Where the experiments are.
    backup
        File for all documents as they were, which Oríon's PickledDB opens. It is written
        first, and only if there is something to do.

    Raises
    ------
    DatabaseError
        The backup exists or cannot be written.
    """
    foreign = [doc for doc in storage.fetch_experiments() if not is_adopted(doc)]
    if not foreign:
        return Upgrade()
    kept = Path(backup).absolute()
    _refuse_existing(kept)
    database = storage.database
    write_orion_file(kept, {name: database.find(name) for name in database.collections()})
    trials = sum(adopt(storage, document) for document in foreign)
    return Upgrade(len(foreign), trials, kept)


@contextmanager
def _no_writer(path: Path) -> Iterator[None]:
    """Keep the processes of Oríon from writing: those that lock as it does on most disks."""
    lock = FileLock(path.with_name(path.name + ".lock"), _LOCK_TIMEOUT)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _workshop(directory: Path) -> Iterator[Path]:
    """Make a directory for unfinished files on the same disk, and remove it at the end."""
    try:
        made = Path(tempfile.mkdtemp(prefix=".upgrade-", dir=directory))
    except OSError as error:
        raise DatabaseError(f"cannot write in {directory}: {error.strerror}") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _free_path(path: Path) -> Path:
    """Return the path of a backup that is not there yet."""
    names = (
        f"{path.name}.orion-backup{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 1000)))
    )
    return next(p for name in names if not (p := path.with_name(name)).exists())


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise DatabaseError(f"the file {path} for the backup exists already; choose another one")


def _backed_up(path: Path, backup: Path) -> Path:
    """Copy a file and make the copy durable."""
    _refuse_existing(backup)
    try:
        # Made first, so that nobody can read it before it has the permissions of the original.
        os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        shutil.copy2(path, backup)
        with backup.open("rb") as copy:
            os.fsync(copy.fileno())
        sync_directory(backup.parent)
    except OSError as error:
        raise DatabaseError(f"cannot write the backup {backup}: {error.strerror}") from error
    return backup


def _made_database(path: Path, collections: Mapping[str, list[Document]]) -> Path:
    storage = Storage(PickledDB(host=path))
    for name, documents in collections.items():
        for start in range(0, len(documents), _BATCH):
            storage.database.insert_many(name, documents[start : start + _BATCH])
    storage.close()
    return path


# --- going back ---------------------------------------------------------------------------------


def dump_for_orion(
    storage: Storage,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: int | None = None,
    overwrite: bool = False,
) -> OrionDump:
    """Copy everything, or one experiment, into a new file that Oríon's PickledDB opens.

    What Oríon does not know is left out: experiments with conditions, constraints or steps in
    their search space. Its algorithm ``random`` takes the place of those that it lacks.

    Parameters
    ----------
    storage
        Where to copy from.
    path
        The file. It appears when it is complete.
    name, version
        Copy only this experiment, the latest version by default, as if it had no parent.
        Default: all, and the benchmarks.
    overwrite
        Whether an existing file is replaced. Default False.

    Raises
    ------
    DatabaseError
        The file exists or cannot be written, or Oríon cannot have the one experiment.
    NoConfigurationError
        There is no such experiment.
    """
    path = Path(path).absolute()
    check_output_file(path, storage.database, "dump", overwrite=overwrite)
    dump = OrionDump()
    experiments = [
        document
        for ours in _chosen(storage, name, version)
        if (document := _for_orion(ours, dump, alone=name is not None)) is not None
    ]
    trials = [
        orion_trial(trial)
        for experiment in experiments
        for trial in storage.database.find(TRIALS, {"experiment": experiment["_id"]})
    ]
    experiments, trials = with_numbers(experiments, trials)
    dump.experiments, dump.trials = len(experiments), len(trials)
    benchmarks = storage.database.find(BENCHMARKS) if name is None else []
    documents = {
        EXPERIMENTS: experiments,
        BENCHMARKS: [{**doc, "_id": number} for number, doc in enumerate(benchmarks, start=1)],
        TRIALS: trials,
        STATES: [orion_state(number, doc) for number, doc in enumerate(experiments, start=1)],
    }
    write_orion_file(path, documents)
    return dump


def _chosen(storage: Storage, name: str | None, version: int | None) -> list[Document]:
    if name is None:
        return storage.fetch_experiments()
    document = storage.fetch_experiment(name, version)
    if document is None:
        raise NoConfigurationError(f"No experiment found with the name {name!r} in {storage.url}")
    return [{**document, "refers": {}}]


def _for_orion(experiment: Document, dump: OrionDump, alone: bool) -> Document | None:
    """Return an experiment as Oríon has it, and note what is different."""
    title = _title(experiment)
    try:
        document = orion_experiment(experiment)
    except DatabaseError as error:
        if alone:
            raise DatabaseError(f"Oríon cannot have {title}: {error}") from None
        dump.notes.append(f"{title} was left out, since Oríon cannot have it: {error}")
        return None
    before, after = (
        next(iter(experiment.get("algorithm") or {"": None})),
        next(iter(document["algorithm"])),
    )
    if before and before != after:
        dump.notes.append(f"{title}: Oríon has no algorithm {before}; it is {after} in the file")
    dump.notes.extend(
        f"{title}: objective {objective['name']} is maximized here; Oríon minimizes it"
        for objective in experiment.get("objectives") or ()
        if objective.get("direction") == "maximize"
    )
    return document


def _title(experiment: Mapping[str, Any]) -> str:
    return f"{experiment['name']}-v{experiment.get('version', 1)}"
