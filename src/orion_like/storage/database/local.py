"""The verbs of databases that keep their documents in this process, as an `Engine`."""

# ruff: noqa: D102 - documented in Database

from __future__ import annotations

import gc
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from orion_like.errors import DatabaseError
from orion_like.storage.database.base import Database, Document, Index, Query, Sort, Update
from orion_like.storage.database.engine import Engine, Operation, prepared
from orion_like.storage.database.matching import projection, sort_key
from orion_like.storage.database.selection import Selection
from orion_like.storage.database.updating import compile_update
from orion_like.storage.database.values import copied, plain

Plan = Callable[[Engine], list[Operation]]
"""Works out, on the engine as it is, the operations of one atomic write."""


class LocalDatabase(Database):
    """A database whose reads and writes go through an engine in memory.

    Where the engine comes from, and what makes a write last, is left to two methods.
    """

    @property
    def _read_only(self) -> bool:
        """Whether nothing can be written; then indexes that are missing stay so."""
        return False

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Engine]:
        """Return a context with the engine, up to date, in which no other thread changes it."""

    @abstractmethod
    def _write(self, plan: Plan, *, durable: bool) -> list[Operation]:
        """Plan a write on the newest state and carry it out before anybody else writes."""

    def ensure_index(
        self,
        collection: str,
        keys: str | Sequence[str],
        *,
        unique: bool = False,
        sparse: bool = False,
    ) -> None:
        names = index_keys(keys)
        with self._reading() as engine:
            if not engine.plan_index(collection, names, unique, sparse) or self._read_only:
                return
        self._write(
            lambda engine: engine.plan_index(collection, names, unique, sparse), durable=True
        )

    def track_changes(self, collection: str, partition: str) -> None:
        with self._reading() as engine:
            if not engine.plan_tracking(collection, partition) or self._read_only:
                return
        self._write(lambda engine: engine.plan_tracking(collection, partition), durable=True)

    def new_id(self, collection: str) -> Any:
        with self._reading() as engine:
            return engine[collection].next_id

    def insert(self, collection: str, document: Mapping[str, Any], *, durable: bool = True) -> Any:
        return self.insert_many(collection, [document], durable=durable)[0]

    def insert_many(
        self, collection: str, documents: Iterable[Mapping[str, Any]], *, durable: bool = True
    ) -> list[Any]:
        ready = [prepared(document) for document in documents]
        identities: list[Any] = []

        def plan(engine: Engine) -> list[Operation]:
            operations, found = engine.plan_insert(collection, ready)
            identities.extend(found)
            return operations

        self._write(plan, durable=durable)
        return identities

    def find(
        self,
        collection: str,
        query: Query | None = None,
        *,
        fields: Sequence[str] | None = None,
        sort: Sort | None = None,
        limit: int = 0,
        skip: int = 0,
    ) -> list[Document]:
        selection = Selection(query)
        key = sort_key(sort) if sort else None
        pick = projection(fields) if fields is not None else None
        if key is None and not limit and not skip:
            names = None if fields is None else ["_id", *(name.split(".")[0] for name in fields)]
            with self._reading() as engine, no_garbage_collection():
                found = engine[collection].find(selection, names)
            if pick is None or set(names or ()) == {"_id", *(fields or ())}:
                return found
            return [pick(document) for document in found]
        with self._reading() as engine:
            found = list(engine[collection].select(selection))
        if key is not None:
            found.sort(key=key)
        found = found[skip : skip + limit if limit else None]
        if pick is not None:
            found = [pick(document) for document in found]
        return [copied(document) for document in found]

    def find_one_and_update(
        self,
        collection: str,
        query: Query,
        update: Update,
        *,
        fields: Sequence[str] | None = None,
        sort: Sort | None = None,
        return_old: bool = False,
        durable: bool = True,
    ) -> Document | None:
        selection, steps = Selection(query), compile_update(update)
        pick = projection(fields) if fields is not None else None
        if "_id" not in selection.bounds and self._matches_nothing(collection, selection):
            return None
        found: list[Document] = []

        def plan(engine: Engine) -> list[Operation]:
            old = engine[collection].first(selection, sort)
            if old is None:
                return []
            found.append(old)
            return engine.plan_update(collection, [old], steps)

        operations = self._write(plan, durable=durable)
        if not found:
            return None
        shown = found[0]
        if not return_old:
            _, _, _, changed, removed = operations[0]
            shown = {**shown, **changed}
            for name in removed:
                del shown[name]
        return copied(shown if pick is None else pick(shown))  # type: ignore[no-any-return]

    def _matches_nothing(self, collection: str, selection: Selection) -> bool:
        """Tell whether there is nothing to update, which needs no lock against other writers."""
        with self._reading() as engine:
            return next(engine[collection].select(selection), None) is None

    def update(self, collection: str, query: Query, update: Update, *, durable: bool = True) -> int:
        selection, steps = Selection(query), compile_update(update)
        if self._matches_nothing(collection, selection):
            return 0

        def plan(engine: Engine) -> list[Operation]:
            matches = list(engine[collection].select(selection))
            return engine.plan_update(collection, matches, steps)

        return len(self._write(plan, durable=durable))

    def remove(self, collection: str, query: Query, *, durable: bool = True) -> int:
        selection = Selection(query)
        return len(
            self._write(lambda engine: engine.plan_remove(collection, selection), durable=durable)
        )

    def count(self, collection: str, query: Query | None = None) -> int:
        selection = Selection(query)
        with self._reading() as engine:
            return engine[collection].count(selection)

    def count_by(self, collection: str, field: str, query: Query | None = None) -> dict[Any, int]:
        selection = Selection(query)
        with self._reading() as engine:
            return engine[collection].count_by(field, selection)

    def count_by_each(
        self, collection: str, field: str, group: str, values: Sequence[Any]
    ) -> dict[Any, dict[Any, int]]:
        with self._reading() as engine:
            counts = {
                value: engine[collection].count_by(field, Selection({group: value}))
                for value in values
            }
        return {value: found for value, found in counts.items() if found}

    def changes(
        self, collection: str, partition_value: Any, since: Any = None
    ) -> tuple[Sequence[Document], Any]:
        with self._reading() as engine:
            tracked, identity = engine[collection], engine.identity
            if tracked.partition is None:
                raise untracked(collection)
            latest = tracked.next_change - 1
            same_history = since is not None and since[0] == identity and since[1] <= latest
            start = since[1] if same_history else 0
            values = plain(partition_value)
            if not isinstance(values, list):
                return tracked.changes(values, start), (identity, latest)
            several = [document for value in values for document in tracked.changes(value, start)]
            return several, (identity, latest)

    def indexes(self, collection: str) -> dict[tuple[str, ...], Index]:
        with self._reading() as engine:
            there = engine[collection].indexes
            return {keys: Index(index.unique, index.sparse) for keys, index in there.items()}

    def collections(self) -> list[str]:
        with self._reading() as engine:
            return sorted(engine.collections)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Spare the collector looking again and again through documents that are being read."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def index_keys(keys: str | Sequence[str]) -> tuple[str, ...]:
    """Return the keys of an index as a tuple of field names."""
    names = (keys,) if isinstance(keys, str) else tuple(keys)
    if not names or len(set(names)) < len(names) or not all(isinstance(n, str) for n in names):
        raise DatabaseError(f"index on {keys!r}: an index needs one or more different fields")
    return names


def untracked(collection: str) -> DatabaseError:
    """Make the error for asking the changes of a collection that keeps none."""
    return DatabaseError(f"{collection}: changes are not tracked; call track_changes first")
