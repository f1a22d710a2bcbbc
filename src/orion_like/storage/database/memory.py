"""EphemeralDB: documents in the memory of one process, gone with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orion_like.storage.database.engine import Engine, Operation
from orion_like.storage.database.local import LocalDatabase, Plan


class EphemeralDB(LocalDatabase):
    """A database in memory, for tests, debugging and throw-away searches.

    Examples
    --------
    >>> database = EphemeralDB()
    >>> database.ensure_index("trials", ["experiment", "id"], unique=True)
    >>> database.insert("trials", {"experiment": 1, "id": "a", "status": "new"})
    1
    >>> database.find_one_and_update("trials", {"status": "new"}, {"$set": {"status": "reserved"}})
    {'_id': 1, 'experiment': 1, 'id': 'a', 'status': 'reserved'}
    """

    def __init__(self) -> None:
        self._engine = Engine()
        self._lock = threading.RLock()

    @property
    def url(self) -> str:
        """``memory://``."""
        return "memory://"

    @property
    def shares_fate(self) -> bool:
        """True: nothing outlives the process."""
        return True

    def close(self) -> None:
        """Do nothing: the documents live as long as the object."""

    @contextmanager
    def _reading(self) -> Iterator[Engine]:
        with self._lock:
            yield self._engine

    def _write(self, plan: Plan, *, durable: bool) -> list[Operation]:  # noqa: ARG002
        with self._lock:
            operations = plan(self._engine)
            self._engine.apply(operations)
        return operations
