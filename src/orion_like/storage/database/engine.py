"""Collections in memory: what the memory database is, and what the file database mirrors.

A write is first planned, which checks it and works out plain *operations* on whole
documents, and then applied. The file database writes the operations to its log between the
two; replaying them gives the same documents, indexes and counters anywhere.

Stored documents are never changed in place: a write puts a new dict in. So they may be
shared with readers, and an old version stays valid for whoever holds it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from sys import intern
from typing import Any, Final

from orion_like.errors import DatabaseError
from orion_like.storage.database.base import NOW, Document, Sort
from orion_like.storage.database.documents import Documents
from orion_like.storage.database.indexes import (
    Index,
    Level,
    duplicate,
    hashable,
    ids,
    ids_in_order,
    original,
    size,
)
from orion_like.storage.database.matching import sort_key
from orion_like.storage.database.packing import Packed
from orion_like.storage.database.selection import Bounds, Selection
from orion_like.storage.database.updating import Step, apply_update
from orion_like.storage.database.values import CONTAINERS, MISSING, now, plain, values_at

Operation = tuple[Any, ...]
"""('put', collection, document), ('set', collection, _id, fields, removed names),
('remove', collection, _id), ('pack', collection, packs, order),
('index', collection, keys, unique, sparse), ('track', collection, partition) or
('counters', collection, next _id, next change)."""

CHANGE = "change"


class Collection:
    """Documents by ``_id``, their indexes, and the order of their changes.

    Indexes and order are made when somebody first asks for them, so that neither a long
    history nor what nobody looks for costs anything.
    """

    def __init__(self) -> None:
        self.documents = Documents()
        self.indexes: dict[tuple[str, ...], Index] = {}
        self.next_id = 1
        self.next_change = 1
        self.partition: str | None = None
        # Ids by partition, latest change last; None until it is asked for.
        self._orders: dict[Any, dict[Any, None]] | None = None
        self._unordered: set[Any] = set()

    # --- operations -------------------------------------------------------------------------

    def put(self, document: Document) -> None:
        """Store a document, in place of the one with the same _id if there is one."""
        identity = document["_id"]
        old = self.documents.get(identity)
        # The names in a document from a log would be its own, and half of its size.
        document = dict(zip(map(intern, document), document.values(), strict=True))
        self.documents[identity] = document
        if type(identity) is int and identity >= self.next_id:
            self.next_id = identity + 1
        self._enter(old, document, {**old, **document} if old else document)

    def set(self, identity: Any, fields: Document, removed: Sequence[str]) -> None:
        """Replace some fields of a document."""
        old = self.documents[identity]
        document = {**old, **fields}
        for name in removed:
            document.pop(name, None)
        self.documents[identity] = document
        self._enter(old, document, {**fields, **dict.fromkeys(removed)} if removed else fields)

    def remove(self, identity: Any) -> None:
        """Remove a document."""
        document = self.documents.pop(identity)
        for index in self.indexes.values():
            index.discard(document)
        if self._orders is not None:
            self._order_of(self._orders, document).pop(identity, None)

    def pack(self, packs: list[Packed], order: list[int]) -> None:
        """Add packed documents."""
        for pack in self.documents.add((packs, order)):
            ids = (identity for identity in pack.values("_id") if type(identity) is int)
            self.next_id = max(self.next_id, max(ids, default=0) + 1)
            self.next_change = max(self.next_change, max(map(_stamp, pack.values(CHANGE))) + 1)
        for index in self.indexes.values():
            index.forget()
        self._orders = None

    def index(self, keys: tuple[str, ...], unique: bool, sparse: bool) -> None:
        """Add an index."""
        self.indexes[keys] = Index(keys, unique, sparse, self.documents)

    def track(self, partition: str) -> None:
        """Keep the order of changes from now on."""
        self.partition = partition
        self._orders = None

    def counters(self, next_id: int, next_change: int) -> None:
        """Go on counting from here."""
        self.next_id = max(self.next_id, next_id)
        self.next_change = max(self.next_change, next_change)

    def _ordered(self) -> dict[Any, dict[Any, None]]:
        """Return the ids of each partition in the order of their changes."""
        if self._orders is None:
            orders: dict[Any, dict[Any, None]] = {}
            fields = (CHANGE, str(self.partition))
            for identity, (_, value) in sorted(self.documents.rows(fields), key=_change_of_row):
                orders.setdefault(_partition_key(value), {})[identity] = None
            self._orders = orders
            self._unordered.clear()
        return self._orders

    def _enter(self, old: Document | None, document: Document, touched: Document) -> None:
        """Enter a document, in place of an old one, into the indexes and the order.

        Parameters
        ----------
        old
            The document before, if there was one.
        document
            The document.
        touched
            Fields that may have changed.
        """
        for index in self.indexes.values():
            if old is None:
                index.add(document)
            elif not index.names.isdisjoint(touched):
                index.discard(old)
                index.add(document)
        if self._orders is not None:
            self._note_change(self._orders, old, document)
        self._count_change(document)

    def _note_change(
        self, orders: dict[Any, dict[Any, None]], old: Document | None, document: Document
    ) -> None:
        identity = document["_id"]
        if old is not None:
            self._order_of(orders, old).pop(identity, None)
        self._order_of(orders, document)[identity] = None
        if _stamp(document.get(CHANGE)) < self.next_change - 1:
            self._unordered.add(self._partition_of(document))

    def _count_change(self, document: Document) -> None:
        change = document.get(CHANGE)
        if type(change) is int and change >= self.next_change:
            self.next_change = change + 1

    def _order_of(self, orders: dict[Any, dict[Any, None]], document: Document) -> dict[Any, None]:
        return orders.setdefault(self._partition_of(document), {})

    def _partition_of(self, document: Document) -> Hashable:
        return _partition_key(document.get(self.partition))  # type: ignore[arg-type]

    # --- reading ----------------------------------------------------------------------------

    def changes(self, partition_value: Any, since: int) -> Sequence[Document]:
        """Return the documents of a partition whose change is after `since`, oldest first."""
        key = hashable(partition_value)
        orders = self._ordered()
        order = orders.get(key, {})
        if key in self._unordered:
            self._unordered.discard(key)
            order = orders[key] = dict.fromkeys(sorted(order, key=self._change_of))
        if not since:
            return self.documents.captured(order)
        found = []
        for identity in reversed(order):
            if self._change_of(identity) <= since:
                break
            found.append(self.documents[identity])
        found.reverse()
        return found

    def _change_of(self, identity: Any) -> int:
        return _stamp(self.documents.value(identity, CHANGE))

    def select(self, selection: Selection) -> Iterator[Document]:
        """Iterate over the documents that match, in order of insertion within what is fixed."""
        if "_id" in selection.bounds:
            candidates: Iterable[Any] = selection.bounds["_id"]
        else:
            nodes = self._nodes(selection)
            if nodes is None:
                return filter(selection.matches, self.documents.values())
            candidates = self._ids(nodes)
        get = self.documents.get
        found = (document for identity in candidates if (document := get(identity)) is not None)
        return filter(selection.matches, found)

    def _ids(self, nodes: list[Any]) -> Iterable[Any]:
        """Return the ids at some nodes, each once."""
        if len(nodes) == 1 and type(nodes[0]) is not Level:
            return ids(nodes[0])
        return dict.fromkeys(identity for node in nodes for identity in ids(node))

    def _nodes(self, selection: Selection) -> list[Any] | None:
        """Return the nodes of indexes below which every match lies; None without an index."""
        nodes: list[Any] = []
        for bounds in selection.branches:
            index, length = self._best_index(bounds)
            if index is None:
                return None
            nodes.extend(index.nodes([bounds[key] for key in index.keys[:length]]))
            if index.irregular:
                nodes.extend(index.irregular)
        return nodes

    def _best_index(self, bounds: Bounds) -> tuple[Index | None, int]:
        """Return the index of which the bounds fix most keys, and how many."""
        best: Index | None = None
        most = 0
        for index in self.indexes.values():
            length = 0
            for key in index.keys:
                if key not in bounds:
                    break
                length += 1
            usable = not index.sparse or self._all_present(index, bounds, length)
            if length > most and usable:
                best, most = index, length
        return best, most

    def _all_present(self, index: Index, bounds: Bounds, length: int) -> bool:
        return length == len(index.keys) and not any(None in bounds[key] for key in index.keys)

    def first(self, selection: Selection, sort: Sort | None) -> Document | None:
        """Return the document that matches and sorts first."""
        if not sort:
            return next(self.select(selection), None)
        key = sort_key(sort)
        ordered = self._select_in_order(selection, sort, key)
        if ordered is not None:
            return next(ordered, None)
        return min(self.select(selection), key=key, default=None)

    def _select_in_order(
        self, selection: Selection, sort: Sort, key: Callable[[Document], Any]
    ) -> Iterator[Document] | None:
        """Iterate over the matches in order, if an index has every part of them in order."""
        if len(sort) != 1 or "_id" in selection.bounds:
            return None
        streams = []
        for bounds in selection.branches:
            index, length = self._index_in_order(bounds, sort[0][0])
            if index is None:
                return None
            for level in index.nodes([bounds[name] for name in index.keys[:length]]):
                documents = map(self.documents.__getitem__, ids_in_order(level, sort[0][1] == 1))
                streams.append(filter(selection.matches, documents))
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=key)

    def _index_in_order(self, bounds: Bounds, field: str) -> tuple[Index | None, int]:
        """Return an index of which the bounds fix all keys before the field, and how many."""
        for index in self.indexes.values():
            if field in index.keys and not index.sparse and not index.irregular:
                length = index.keys.index(field)
                fixed = all(key in bounds for key in index.keys[:length])
                if fixed and (length or len(index.keys) == 1):
                    return index, length
        return None, 0

    def find(self, selection: Selection, names: Iterable[str] | None) -> list[Document]:
        """Return copies of the matches for the caller, whole or only some fields of them."""
        identities = self._exactly(selection)
        if identities is None:
            identities = [document["_id"] for document in self.select(selection)]
        return [self.documents.private(identity, names) for identity in identities]

    def _exactly(self, selection: Selection) -> Iterable[Any] | None:
        """Return the ids of the matches if an index tells them without looking at documents."""
        if not selection.bounds and selection.exact:
            return self.documents
        nodes = self._exact_nodes(selection)
        return None if nodes is None else self._ids(nodes)

    def _exact_nodes(self, selection: Selection) -> list[Any] | None:
        """Return the nodes of an index below which the matches lie, and nothing else."""
        if not selection.exact or not selection.bounds:
            return None
        index, length = self._best_index(selection.bounds)
        if index is None or length < len(selection.bounds) or index.irregular:
            return None
        return index.nodes([selection.bounds[key] for key in index.keys[:length]])

    def count(self, selection: Selection) -> int:
        """Return how many documents match."""
        if not selection.bounds and selection.exact:
            return len(self.documents)
        nodes = self._exact_nodes(selection)
        if nodes is not None:
            return sum(map(size, nodes))
        return sum(1 for _ in self.select(selection))

    def count_by(self, field: str, selection: Selection) -> dict[Any, int]:
        """Return how many matches have each value of a field."""
        counts: dict[Any, int] = {}
        if selection.exact:
            for index in self.indexes.values():
                length = len(selection.bounds)
                served = index.keys[length : length + 1] == (field,) and not index.sparse
                fixed = set(index.keys[:length]) == set(selection.bounds)
                if served and fixed and not index.irregular:
                    for level in index.nodes([selection.bounds[k] for k in index.keys[:length]]):
                        for key, node in level.items():
                            counts[original(key)] = counts.get(original(key), 0) + size(node)
                    return counts
        return _tally(field, self.select(selection))


def _stamp(change: Any) -> int:
    return change if type(change) is int else 0


def _change_of_row(row: tuple[Any, Sequence[Any]]) -> int:
    return _stamp(row[1][0])


def _partition_key(value: Any) -> Hashable:
    return hashable(value) if type(value) not in CONTAINERS else None


def _tally(field: str, documents: Iterable[Document]) -> dict[Any, int]:
    path = field.split(".")
    counts: dict[Any, int] = {}
    for document in documents:
        values = values_at(document, path)
        value = values[0] if len(values) == 1 and values[0] is not MISSING else None
        if type(value) is list or type(value) is dict:
            raise DatabaseError(
                f"count_by: {field!r} of document {document['_id']} holds {value!r}"
            )
        counts[value] = counts.get(value, 0) + 1
    return counts


class Engine:
    """All collections, the planning of writes to them, and their application.

    Parameters
    ----------
    identity
        Tells this database from others, so that a token for `changes` is never taken for
        one of another database that had the same place before.
    """

    def __init__(self, identity: bytes = b"") -> None:
        self.identity = identity
        self.collections: dict[str, Collection] = {}
        self._empty = Collection()

    def __getitem__(self, name: str) -> Collection:
        """Return a collection to read from; an unknown one is empty."""
        return self.collections.get(name, self._empty)

    # --- applying ---------------------------------------------------------------------------

    def apply(self, operations: Iterable[Operation]) -> None:
        """Carry out planned operations."""
        for kind, name, *arguments in operations:
            collection = self.collections.get(name)
            if collection is None:
                collection = self.collections[name] = Collection()
            _VERBS[kind](collection, *arguments)

    def become(self, operations: Iterable[Operation]) -> None:
        """Take packed documents in place of equal ones, which take more memory.

        Parameters
        ----------
        operations
            What `snapshot` yielded for an engine equal to this one.
        """
        packed: dict[str, Documents] = {}
        for kind, name, *arguments in operations:
            if kind == "pack":
                packed.setdefault(name, Documents()).add((arguments[0], arguments[1]))
        for name, documents in packed.items():
            self.collections[name].documents.become(documents)

    def snapshot(self) -> Iterator[Operation]:
        """Yield operations that make an equal engine out of an empty one."""
        for name, collection in self.collections.items():
            for packs, order in collection.documents.blocks():
                yield ("pack", name, packs, order)
            for index in collection.indexes.values():
                yield ("index", name, index.keys, index.unique, index.sparse)
            if collection.partition is not None:
                yield ("track", name, collection.partition)
            yield ("counters", name, collection.next_id, collection.next_change)

    # --- planning ---------------------------------------------------------------------------

    def plan_index(
        self, name: str, keys: tuple[str, ...], unique: bool, sparse: bool
    ) -> list[Operation]:
        """Plan a new index; nothing to do if it is there."""
        there = self[name].indexes.get(keys)
        if there is not None:
            if (there.unique, there.sparse) == (unique, sparse):
                return []
            raise DatabaseError(
                f"{name}: the index on {', '.join(keys)} exists with unique={there.unique},"
                f" sparse={there.sparse}; it cannot become unique={unique}, sparse={sparse}"
            )
        if unique:
            index, taken = Index(keys, unique, sparse, Documents()), set[Any]()
            for document in self[name].documents.values():
                index.refuse_duplicate(document, taken)
        return [("index", name, keys, unique, sparse)]

    def plan_tracking(self, name: str, partition: str) -> list[Operation]:
        """Plan to keep the order of changes; nothing to do if it is kept."""
        there = self[name].partition
        if there not in (None, partition):
            raise DatabaseError(f"{name}: changes are tracked by {there!r}, not {partition!r}")
        return [("track", name, partition)] if there is None else []

    def plan_insert(
        self, name: str, documents: Sequence[Document]
    ) -> tuple[list[Operation], list[Any]]:
        """Plan to insert documents that `prepared` has made ready; return their ids too."""
        collection = self[name]
        next_id, change, time = collection.next_id, collection.next_change, now()
        taken: dict[tuple[str, ...], set[Any]] = {keys: set() for keys in collection.indexes}
        operations: list[Operation] = []
        identities: dict[Any, None] = {}
        for given in documents:
            document = {field: time if v is NOW else v for field, v in given.items()}
            identity = document.get("_id")
            if identity is None:
                identity, next_id = next_id, next_id + 1
                document = {"_id": identity, **document}
            elif type(identity) is int:
                next_id = max(next_id, identity + 1)
            if identity in collection.documents or identity in identities:
                raise duplicate(["_id"], [identity])
            if collection.partition is not None:
                document[CHANGE], change = change, change + 1
            for keys, index in collection.indexes.items():
                if index.unique:
                    index.refuse_duplicate(document, taken[keys])
            identities[identity] = None
            operations.append(("put", name, document))
        return operations, list(identities)

    def plan_update(
        self, name: str, documents: Iterable[Document], steps: list[Step]
    ) -> list[Operation]:
        """Plan to update stored documents."""
        collection = self[name]
        change, time = collection.next_change, now()
        touched = {path[0] for _, path, _ in steps}
        taken: dict[tuple[str, ...], set[Any]] = {keys: set() for keys in collection.indexes}
        operations: list[Operation] = []
        for old in documents:
            document = apply_update(old, steps, time)
            if collection.partition is not None:
                document[CHANGE], change = change, change + 1
                touched.add(CHANGE)
            for keys, index in collection.indexes.items():
                if index.unique and not touched.isdisjoint(index.names):
                    index.refuse_duplicate(document, taken[keys])
            fields = {field: document[field] for field in touched if field in document}
            removed = tuple(f for f in touched if f in old and f not in document)
            operations.append(("set", name, old["_id"], fields, removed))
        return operations

    def plan_remove(self, name: str, selection: Selection) -> list[Operation]:
        """Plan to remove the documents that match."""
        return [("remove", name, document["_id"]) for document in self[name].select(selection)]


_VERBS: Final[dict[str, Callable[..., None]]] = {
    "put": Collection.put,
    "set": Collection.set,
    "remove": Collection.remove,
    "pack": Collection.pack,
    "index": Collection.index,
    "track": Collection.track,
    "counters": Collection.counters,
}


def prepared(document: Mapping[str, Any]) -> Document:
    """Return a private copy of a document to be inserted; `NOW` stays where it may be.

    Raises
    ------
    DatabaseError
        It holds something that cannot be stored.
    """
    if not isinstance(document, Mapping):
        raise DatabaseError(f"{document!r} is not a document; documents are dicts")
    for name in document:
        if not name or not isinstance(name, str) or "." in name:
            raise DatabaseError(f"field {name!r}: the name of a field is text without dots")
    times = [name for name, value in document.items() if value is NOW]
    if not times:
        return plain(dict(document))  # type: ignore[no-any-return]
    rest: Document = plain({k: None if v is NOW else v for k, v in document.items()})
    for name in times:
        rest[name] = NOW
    return rest
