"""A file that Oríon wrote, opened where it is, for reading only."""

# ruff: noqa: D102 - documented in Database

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orion_like.errors import DatabaseError, OutdatedDatabaseError
from orion_like.storage.adoption import adopted
from orion_like.storage.database.engine import Engine, Operation, prepared
from orion_like.storage.database.local import LocalDatabase, Plan, index_keys
from orion_like.storage.orion_file import is_orion_file, read_orion_file


class OrionFileDB(LocalDatabase):
    """The documents of a file of Oríon's PickledDB, as they are after ``db upgrade``.

    The file is read whole, and again when Oríon has replaced it; nothing is ever written to
    it. Indexes live in memory.

    Parameters
    ----------
    host
        Path of the file.

    Raises
    ------
    DatabaseError
        There is no such file, or it cannot be opened.
    CorruptedDatabaseError
        It is damaged, or holds what Oríon does not write.
    OutdatedDatabaseError
        On any attempt to write.
    """

    def __init__(self, host: str | os.PathLike[str]) -> None:
        self.path = Path(host).expanduser().absolute()
        self._lock = threading.RLock()
        self._engine = Engine()
        self._seen: tuple[int, ...] | None = None
        self._preparations: list[Callable[[Engine], list[Operation]]] = []

    @property
    def url(self) -> str:
        """``pickleddb:///path/of/the/file``."""
        return f"pickleddb://{self.path}"

    @property
    def shares_fate(self) -> bool:
        return True  # nothing is ever written

    def close(self) -> None:
        with self._lock:
            self._engine, self._seen = Engine(), None

    def ensure_index(
        self,
        collection: str,
        keys: str | Sequence[str],
        *,
        unique: bool = False,
        sparse: bool = False,
    ) -> None:
        names = index_keys(keys)
        self._prepare(lambda engine: engine.plan_index(collection, names, unique, sparse))

    def track_changes(self, collection: str, partition: str) -> None:
        self._prepare(lambda engine: engine.plan_tracking(collection, partition))

    def _prepare(self, plan: Callable[[Engine], list[Operation]]) -> None:
        with self._lock:
            self._preparations.append(plan)
            if self._seen is not None:
                self._engine.apply(plan(self._engine))

    @contextmanager
    def _reading(self) -> Iterator[Engine]:
        with self._lock:
            self._catch_up()
            yield self._engine

    def _catch_up(self) -> None:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise DatabaseError(
                f"cannot read the database file {self.path}: {error.strerror}"
            ) from error
        found = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if found == self._seen:
            return
        if self._seen is not None and not is_orion_file(self.path):
            raise DatabaseError(f"{self.path} was converted or replaced meanwhile; open it again")
        engine = Engine(os.urandom(16))
        for plan in self._preparations:
            engine.apply(plan(engine))
        for name, documents in adopted(read_orion_file(self.path)).items():
            operations, _ = engine.plan_insert(name, [prepared(doc) for doc in documents])
            engine.apply(operations)
        self._engine, self._seen = engine, found

    def _write(self, plan: Plan, *, durable: bool) -> list[Operation]:  # noqa: ARG002
        raise OutdatedDatabaseError(
            f"{self.path} was written by Oríon and can be read only; to go on with it, stop the"
            f" workers of Oríon and convert it: orion-like db upgrade --storage {self.path}"
        )
