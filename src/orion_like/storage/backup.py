"""A copy of a whole database in one file, made while workers go on.

The file database is a log, so what it holds up to the end of any record is the database as it
was at one moment: a backup is such a beginning, and takes no lock. What a MongoDB holds is
copied document by document.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orion_like.errors import DatabaseError
from orion_like.storage.database import PickledDB
from orion_like.storage.database.durability import sync_directory
from orion_like.storage.database.filelock import FileLock
from orion_like.storage.database.log import Log, NoSuchLog
from orion_like.storage.database.records import (
    HEADER_SIZE,
    Ending,
    Header,
    pack_header,
    split_records,
)
from orion_like.storage.output_file import check_output_file
from orion_like.storage.storage import EXPERIMENTS, TRIALS, Storage
from orion_like.storage.transfer import dump

_CHUNK: Final = 8 * 2**20  # bytes read at once


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Parameters
    ----------
    experiments, trials
        How many of them.
    size
        Bytes of the file.
    """

    experiments: int
    trials: int
    size: int


def backup(storage: Storage, path: str | os.PathLike[str], *, overwrite: bool = False) -> Backup:
    """Write everything into a database file; workers may go on meanwhile.

    The file appears when it is complete, is safe on the disk, and was read back.

    Parameters
    ----------
    storage
        What to copy.
    path
        The file.
    overwrite
        Whether an existing file is replaced. Default False.

    Raises
    ------
    DatabaseError
        If the file exists or cannot be written, or if the database is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from orion_like.storage import setup_storage
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     storage = setup_storage(f"{directory}/hunts.pkl")
    ...     _ = storage.create_experiment({"name": "demo", "version": 1})
    ...     backup(storage, f"{directory}/backup.pkl").experiments
    1
    """
    path = Path(path).expanduser().absolute()
    database = storage.database
    if not isinstance(database, PickledDB):
        dump(storage, path, overwrite=overwrite)
        return _inspect(path)
    check_output_file(path, database, "backup", overwrite=overwrite)
    with _scratch_for(path) as scratch:
        _copy_log(database, scratch)
        made = _inspect(scratch)
        os.replace(scratch, path)
    sync_directory(path.parent)
    return made


@contextlib.contextmanager
def _scratch_for(path: Path) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as directory:
            yield Path(directory, path.name)
    except OSError as error:
        raise DatabaseError(f"cannot write the backup {path}: {error}") from error


def _copy_log(database: PickledDB, target: Path) -> None:
    """Copy all whole records of the generation that is there now."""
    try:
        log = Log(database.path)
    except NoSuchLog:
        raise DatabaseError(f"there is no database file {database.path} yet") from None
    # With an identity of its own, nobody takes a restored backup for the database that went on.
    header = Header(log.header.version, 1, HEADER_SIZE, os.urandom(16))
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pack_header(header))
        for part in _whole_records(log, database.timeout):
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _whole_records(log: Log, timeout: float) -> Iterator[memoryview]:
    wanted = _CHUNK
    while True:
        data = os.pread(log.descriptor, wanted, log.offset)
        _, size, ending = split_records(data)
        if ending is Ending.DAMAGED and not size:
            data = _read_in_peace(log, timeout)
            _, size, ending = split_records(data)
            if ending is Ending.DAMAGED and not size:
                raise log.corrupted("what follows is not a record, or its checksum is wrong")
        if size:
            yield memoryview(data)[:size]
            log.offset += size
        elif len(data) < wanted:
            return
        else:
            wanted *= 2


def _read_in_peace(log: Log, timeout: float) -> bytes:
    """Read the rest while nobody writes: a record being written may look like a damaged one."""
    lock = FileLock(log.path.with_name(log.path.name + ".lock"), timeout)
    lock.acquire()
    try:
        return os.pread(log.descriptor, max(0, log.size() - log.offset), log.offset)
    finally:
        lock.release()


def _inspect(path: Path) -> Backup:
    with PickledDB(host=path, create=False) as database:
        return Backup(database.count(EXPERIMENTS), database.count(TRIALS), path.stat().st_size)
