"""PickledDB: documents in one file, an append-only log that any number of processes share.

Every process mirrors the documents in memory. Reading needs no lock: the mirror catches up
with the records appended since. Writing takes the file lock, catches up, plans the write on
what is then the newest state, appends it as one record, and frees the lock before it waits
for the disk. When much was appended for what is alive, the writer who notices replaces the log
by a new generation, in which all documents are packed.

On the file system of a network, what a process knows of the file may be old, and what it wrote
may not have left its machine. Such file systems promise this much: who opens a file sees what
was flushed before ("close-to-open"). So there the file is opened anew before it is looked at,
and flushed before the lock is freed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from orion_like.errors import DatabaseError
from orion_like.storage.database.durability import DiskThread, SharedSync
from orion_like.storage.database.engine import Engine, Operation
from orion_like.storage.database.filelock import FileLock
from orion_like.storage.database.filesystem import Locking, locking_at
from orion_like.storage.database.local import LocalDatabase, Plan, no_garbage_collection
from orion_like.storage.database.log import Log, NoSuchLog
from orion_like.storage.database.records import Ending

logger = logging.getLogger(__name__)

_SMALL: Final = 2**20  # bytes; a log below this is never rewritten
_PARAMETERS: Final = ("path", "timeout", "fsync", "create", "trust_locks")
# Operations that are appended before the log is rewritten: so many, and a part of the documents.
_TAIL: Final = 64
_TAIL_PART: Final = 0.25


class _Written(NamedTuple):
    """Up to where something was written."""

    sync: SharedSync
    log: Log
    epoch: int
    end: int


class PickledDB(LocalDatabase):
    """A database in one file.

    Parameters
    ----------
    host
        Path of the file; the user's data directory by default. It is made, with its
        directories, at the first write; only its owner may read it (mode 600).
    timeout
        Seconds to wait for other processes that are writing.
    fsync
        Whether writes survive a power cut. Without it they are up to three times faster, and
        still survive the death of any process.
    create
        Whether a missing file may be made; otherwise it is an error.
    trust_locks
        Whether locks on the file are known to hold between all who use it, so that no warning
        is needed where the file system does not make sure of it. Default False.

    Raises
    ------
    DatabaseError
        The file is missing (`create=False`), or cannot be used as a database.
    DatabaseTimeout
        Another process kept the file locked.
    CorruptedDatabaseError
        The file is damaged, or holds what no database wrote.
    """

    def __init__(
        self,
        host: str | os.PathLike[str] = "",
        timeout: float = 60,
        fsync: bool = True,
        create: bool = True,
        trust_locks: bool = False,
    ) -> None:
        # Without symbolic links, so that all lock the same file, however they came to it.
        self.path = (Path(host).expanduser() if host else default_path()).resolve()
        self.timeout = timeout
        self.fsync = fsync
        self.create = create
        self.trust_locks = trust_locks
        if not create and not self.path.exists():
            raise DatabaseError(f"there is no database file {self.path}")
        self._start_empty()
        _register(self)

    def _start_empty(self) -> None:
        self._writers = threading.Lock()  # taken before the file lock, which threads would share
        self._mirror = threading.RLock()  # guards what follows; never held while waiting
        self._engine = Engine()
        self._log: Log | None = None
        self._lock: FileLock | None = None
        self._sync: SharedSync | None = None
        self._written: _Written | None = None
        self._disk: DiskThread | None = None
        self._consistent = True  # False while the mirror is being changed
        self._tail = 0  # operations in the log after what was rewritten
        self._longest_tail = 0.0  # how many of them make a rewrite worth considering

    @property
    def url(self) -> str:
        """``pickleddb:///path/of/the/file``."""
        return f"pickleddb://{self.path}"

    @property
    def shares_fate(self) -> bool:
        """Whether the file is known to be on a file system of this machine alone."""
        return self._locking is not None and not self._locking.is_remote

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _PARAMETERS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_empty()
        _register(self)

    def close(self) -> None:
        """Close the file and forget the mirror; the next use opens it again."""
        with self._writers, self._mirror:
            if self._disk is not None:
                self._disk.stop()
            self._log = self._lock = self._sync = self._written = self._disk = None
            self._engine = Engine()

    # --- reading ----------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Engine]:
        with self._mirror:
            self._forget_old_knowledge()
            self._catch_up()
            damaged = self._log is not None and self._log.ending is Ending.DAMAGED
            if not damaged:
                yield self._engine
                return
        # Perhaps only a write in progress, seen out of order: look again when nobody writes.
        with self._locked(), self._mirror:
            self._catch_up()
            self._refuse_damage()
            yield self._engine

    def clock_ahead(self) -> float:
        """Seconds by which this host is ahead of the file system, which hosts may share."""
        try:
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                return time.time() - os.fstat(file.fileno()).st_mtime
        except OSError:  # who may not write here stamps nothing either
            return 0.0

    @cached_property
    def _locking(self) -> Locking | None:
        return locking_at(self.path)

    @cached_property
    def _remote(self) -> bool:
        """Whether other machines may use the file, as far as is known."""
        return self._locking is not None and self._locking.is_remote

    def _forget_old_knowledge(self) -> None:
        """Have the system ask the server how the file is now."""
        if self._remote:
            with contextlib.suppress(OSError):
                os.close(os.open(self.path, os.O_RDONLY))

    def _catch_up(self) -> None:
        """Bring the mirror to the state of the file."""
        if not self._consistent:
            self._log = None
        if self._log is None:
            self._load()
            return
        size = self._log.size()
        if size < self._log.offset:
            self._follow(self._log, replaced=size < 0)
        elif size > self._log.offset:
            self._replay(self._log)

    def _load(self) -> None:
        """Open the file and read all of it."""
        self._engine = Engine()
        self._tail = 0
        self._consistent = True
        try:
            self._log = Log(self.path)
        except NoSuchLog:
            return
        self._engine = Engine(self._log.header.identity)
        with no_garbage_collection():
            self._replay(self._log)
        self._plan_rewrite()

    def _replay(self, log: Log) -> None:
        """Apply what was appended to the log."""
        self._consistent = False
        for operations in log.new_operations():
            try:
                self._engine.apply(operations)
            except Exception as error:
                raise log.corrupted(f"the record makes no sense ({error!r})") from error
            if log.offset >= log.header.snapshot_end:
                self._tail += len(operations)
        self._consistent = True

    def _follow(self, old: Log, replaced: bool) -> None:
        """Go over to the file that is in the place of ours now."""
        if replaced:
            try:
                self._replay(old)  # what was appended before it was replaced
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                replaced = False  # a server has nothing of the old one any more
        try:
            new = Log(self.path)
        except NoSuchLog:
            raise DatabaseError(f"the database file {self.path} was removed while in use") from None
        if replaced and new.succeeds(old):
            self._engine.become(new.snapshot())  # which says what we know already
            self._log = new
            self._tail = 0
            self._plan_rewrite()
            self._replay(new)
        else:
            self._load()

    def _refuse_damage(self) -> None:
        if self._log is not None and self._log.ending is Ending.DAMAGED:
            raise self._log.corrupted("what follows is not a record, or its checksum is wrong")

    # --- writing ----------------------------------------------------------------------------

    def _write(self, plan: Plan, *, durable: bool) -> list[Operation]:
        self._refuse_read_only()
        with self._locked() as sync, self._mirror:
            log = self._prepare_to_write(sync)
            operations = plan(self._engine)
            if not operations:
                return operations
            self._append(log, operations)
            written = self._written = _Written(sync, log, sync.epoch, log.offset)
            if self._remote:
                self._flush(log)
            if self._tail >= self._longest_tail and log.offset > _SMALL:
                self._consider_rewrite(log, sync)
        if durable:
            self._make_durable(written)
        return operations

    def begin_sync(self) -> Callable[[], None]:  # noqa: D102 - documented in Database
        written = self._written
        if written is None or not self.fsync or self._remote:
            return super().begin_sync()
        if self._disk is None:
            self._disk = DiskThread()
            weakref.finalize(self, self._disk.stop)
        return self._disk.begin(lambda: self._make_durable(written))

    @property
    def _read_only(self) -> bool:
        return self._log is not None and not self._log.writable

    def _refuse_read_only(self) -> None:
        if self._log is None:
            with self._mirror:
                self._catch_up()
        if self._log is not None:
            self._log.check_writable()

    @contextmanager
    def _locked(self) -> Iterator[SharedSync]:
        """Hold the lock against other writers, in this process and elsewhere."""
        with self._writers:
            lock = self._acquired_lock()
            try:
                sync = self._sync
                if sync is None:
                    sync = self._sync = SharedSync(lock.descriptor)
                yield sync
            finally:
                lock.release()

    def _acquired_lock(self) -> FileLock:
        while True:
            lock = self._lock
            if lock is None:
                lock, self._sync = self._open_lock(), None
            lock.acquire()
            if lock.is_in_place():
                self._lock = lock
                return lock
            lock.release()
            self._lock = None

    def _open_lock(self) -> FileLock:
        status = None
        try:
            status = self.path.stat()
        except OSError:
            self._make_directory()
        if not self.trust_locks:
            _warn_of_doubtful_locks(self.path)
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), self.timeout)
        if status is not None:
            lock.admit(status)
        return lock

    def _make_directory(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(f"cannot make the directory {self.path.parent}: {error}") from error

    def _prepare_to_write(self, sync: SharedSync) -> Log:
        """Return the log, caught up and sound, ready for the next record."""
        self._forget_old_knowledge()
        if self._log is not None and not self._log.is_at(self.path):
            self._follow(self._log, replaced=self._log.size() < 0)
        self._catch_up()
        self._refuse_damage()
        if self._log is None:
            self._log = Log.create(self.path, os.urandom(16))
            self._engine = Engine(self._log.header.identity)
            self._plan_rewrite()
        elif self._log.ending is Ending.TORN:
            self._log.cut()
            sync.start_epoch()
        return self._log

    def _append(self, log: Log, operations: list[Operation]) -> None:
        self._consistent = False
        try:
            log.append(operations)
        except DatabaseError:
            self._consistent = True
            raise
        self._engine.apply(operations)
        self._tail += len(operations)
        self._consistent = True

    def _make_durable(self, written: _Written) -> None:
        if not self.fsync or self._remote:
            return
        sync, log, epoch, end = written
        try:
            sync.make_durable(log.descriptor, epoch, end)
        except OSError as error:
            raise self._not_durable(error) from error

    def _flush(self, log: Log) -> None:
        """Send what was written to the server, where the next writer finds it."""
        try:
            os.fsync(log.descriptor)
        except OSError as error:
            raise self._not_durable(error) from error

    def _not_durable(self, error: OSError) -> DatabaseError:
        return DatabaseError(
            f"{self.path}: written, but the disk could not make it durable: {error.strerror}"
        )

    # --- rewriting --------------------------------------------------------------------------

    def _plan_rewrite(self) -> None:
        """Set how many operations are worth a rewrite."""
        collections = self._engine.collections.values()
        documents = sum(len(collection.documents) for collection in collections)
        self._longest_tail = _TAIL + _TAIL_PART * documents

    def _consider_rewrite(self, log: Log, sync: SharedSync) -> None:
        """Rewrite the log if that makes it much faster to read."""
        self._plan_rewrite()
        if self._tail < self._longest_tail:
            return
        try:
            self._rewrite(log, sync)
        except OSError:  # no room for both: the log works as it is, so try again much later
            self._longest_tail = 2.0 * self._tail

    def _rewrite(self, log: Log, sync: SharedSync) -> None:
        snapshot = list(self._engine.snapshot())
        self._log = log.rewrite(snapshot)
        sync.start_epoch()
        self._engine.become(snapshot)
        self._tail = 0
        self._plan_rewrite()

    def compact(self) -> None:
        """Rewrite the file so that it holds each document once."""
        self._refuse_read_only()
        with self._locked() as sync, self._mirror:
            log = self._prepare_to_write(sync)
            try:
                self._rewrite(log, sync)
            except OSError as error:
                raise DatabaseError(f"cannot rewrite {self.path}: {error}") from error

    # --- forks ------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """Replace, in a child process, what must not be shared with the parent."""
        inherited, self._log = self._log, None
        self._writers, self._mirror = threading.Lock(), threading.RLock()
        self._lock = self._sync = self._written = self._disk = None
        with contextlib.suppress(DatabaseError, NoSuchLog):
            log = Log(self.path)
            if inherited is not None and log.inode == inherited.inode:
                log.offset, log.ending = inherited.offset, inherited.ending
                self._log = log


def _warn_of_doubtful_locks(path: Path) -> None:
    """Say, once in a process, if the lock on a file may not keep everybody out."""
    if path in _judged:
        return
    _judged.add(path)
    locking = locking_at(path)
    if locking is not None and not locking.is_trusted:
        logger.warning("%s: %s. (storage.trust_locks silences this.)", path, locking.advice)


_judged: Final[set[Path]] = set()


def default_path() -> Path:
    """Return where the database is if nobody says: in the user's data directory."""
    import platformdirs

    return Path(platformdirs.user_data_dir("orion_like", appauthor=False), "orion_like_db.pkl")


_registry: Final = threading.Lock()
_databases: Final[weakref.WeakSet[PickledDB]] = weakref.WeakSet()
_forking: list[PickledDB] = []


def _register(database: PickledDB) -> None:
    with _registry:
        _databases.add(database)


def _before_fork() -> None:
    """Wait until no thread is changing a mirror, so that the child gets a whole one."""
    _registry.acquire()
    _forking.extend(_databases)
    for database in _forking:
        database._mirror.acquire()


def _after_fork_in_parent() -> None:
    for database in _forking:
        database._mirror.release()
    _forking.clear()
    _registry.release()


def _after_fork_in_child() -> None:
    for database in _forking:
        database._after_fork()
    _forking.clear()
    _registry.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
