"""Hash indexes over documents in memory: nested dicts, one level for each key.

`Level` counts the documents below it, so that counting by value reads no documents, and
keeps its values sorted once somebody asked for them in order.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Final

from orion_like.errors import DatabaseError, DuplicateKeyError
from orion_like.storage.database.base import Document
from orion_like.storage.database.documents import Documents
from orion_like.storage.database.values import CONTAINERS, MISSING, is_scalar, order_key, values_at

_PLAIN: Final = frozenset([str, int])  # types of values that are their own keys
_NAN: Final = ("nan",)
_TRUE, _FALSE = ("bool", True), ("bool", False)


def hashable(value: Any) -> Hashable:
    """Return what stands for a scalar in an index: equal exactly if the values are equal."""
    kind = type(value)
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is float and math.isnan(value):
        return _NAN
    return None if value is MISSING else value


def original(key: Hashable) -> Any:
    """Return the value that a key of an index stands for; inverse of `hashable` on scalars."""
    if key is _NAN:
        return math.nan
    return key[1] if type(key) is tuple and key[0] == "bool" else key


class _Ids(dict[Any, None]):
    """Several documents with the same keys, in order; a lone one is stored without it."""

    __slots__ = ()


class Level(dict[Hashable, Any]):
    """One key's values, each with the level below, or with what it identifies."""

    __slots__ = ("ordered", "size")

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self.ordered: list[tuple[tuple[Any, ...], Hashable]] | None = None

    def in_order(self) -> list[tuple[tuple[Any, ...], Hashable]]:
        """Return pairs of (order, key), sorted; kept up to date from the first call on."""
        if self.ordered is None:
            self.ordered = sorted((order_key(original(key)), key) for key in self)
        return self.ordered

    def appear(self, key: Hashable) -> None:
        """Note that a key is new at this level."""
        if self.ordered is not None:
            insort(self.ordered, (order_key(original(key)), key), key=_first)

    def vanish(self, key: Hashable) -> None:
        """Note that a key is gone from this level."""
        if self.ordered is not None:
            order = order_key(original(key))
            position = bisect_left(self.ordered, order, key=_first)
            while self.ordered[position][1] != key:
                position += 1
            del self.ordered[position]


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


class Index:
    """Finds the ids of documents by the values of some fields.

    Parameters
    ----------
    keys
        Fields, as dotted paths, in order.
    unique
        At most one document for each combination of values.
    sparse
        Documents in which one of the fields is missing or null are left out.
    documents
        What to find. They are entered when somebody first looks something up: until then,
        nothing that happens to them costs anything.
    """

    def __init__(
        self, keys: Sequence[str], unique: bool, sparse: bool, documents: Documents
    ) -> None:
        self.keys = tuple(keys)
        self.unique = unique
        self.sparse = sparse
        self.names = frozenset(key.split(".")[0] for key in keys)
        self._documents = documents
        self._root: Level | None = None
        self._irregular: dict[Any, None] = {}
        self._paths = [key.split(".") for key in keys]
        self._flat = all(len(path) == 1 for path in self._paths)

    @property
    def root(self) -> Level:
        """The level of the first key."""
        if self._root is None:
            self._build()
        return self._root  # type: ignore[return-value]

    @property
    def irregular(self) -> dict[Any, None]:
        """Documents with a list or dict as a value; they are always candidates."""
        if self._root is None:
            self._build()
        return self._irregular

    def forget(self) -> None:
        """Forget all entries; they are made again when they are needed."""
        self._root = None
        self._irregular = {}

    def _build(self) -> None:
        self._root = Level()
        if not self._flat:
            for document in self._documents.values():
                self.add(document)
            return
        for identity, values in self._documents.rows(self.keys):
            keys = self._keys(values)
            if keys is not None:
                self._enter(keys, identity)
            elif not all(map(is_scalar, values)):
                self._irregular[identity] = None

    def entry(self, document: Document) -> list[Hashable] | None:
        """Return the keys of a document; None if the index leaves it out or cannot hold it."""
        if self._flat:
            keys = list(map(document.get, self.keys))
            if _PLAIN.issuperset(map(type, keys)):
                return keys
            return self._keys(keys)
        return self._keys(_only(values_at(document, path)) for path in self._paths)

    def _keys(self, values: Iterable[Any]) -> list[Hashable] | None:
        keys: list[Hashable] = []
        for value in values:
            kind = type(value)
            if kind is str or kind is int:
                keys.append(value)
                continue
            if kind in CONTAINERS:
                return None
            if self.sparse and (value is None or value is MISSING):
                return None
            keys.append(hashable(value))
        return keys

    def _is_irregular(self, document: Document) -> bool:
        return not all(is_scalar(_only(values_at(document, path))) for path in self._paths)

    def refuse_duplicate(self, document: Document, taken: set[Any]) -> None:
        """Raise if the unique index holds another document with the same keys.

        Parameters
        ----------
        document
            The document to be stored, with its ``_id``.
        taken
            Keys of documents to be stored in the same go; those of this one are added.
        """
        keys = self.entry(document)
        if keys is None:
            if self._is_irregular(document):
                raise DatabaseError(
                    f"unique index on {', '.join(self.keys)}: lists and dicts cannot be made unique"
                )
            return
        owner = self._owner(keys)
        combination = tuple(keys)
        if combination in taken or (owner is not MISSING and owner != document["_id"]):
            raise duplicate(self.keys, map(original, keys))
        taken.add(combination)

    def _owner(self, keys: list[Hashable]) -> Any:
        node: Any = self.root
        for key in keys:
            node = node.get(key, MISSING)
            if node is MISSING:
                return MISSING
        return node

    def add(self, document: Document) -> None:
        """Enter a document."""
        if self._root is None:
            return
        keys = self.entry(document)
        if keys is not None:
            self._enter(keys, document["_id"])
        elif self._is_irregular(document):
            self._irregular[document["_id"]] = None

    def _enter(self, keys: list[Hashable], identity: Any) -> None:
        level: Level = self._root  # type: ignore[assignment]
        level.size += 1
        for key in keys[:-1]:
            below = level.get(key)
            if below is None:
                below = level[key] = Level()
                level.appear(key)
            level = below
            level.size += 1
        self._add_id(level, keys[-1], identity)

    def _add_id(self, level: Level, key: Hashable, identity: Any) -> None:
        there = level.get(key, MISSING)
        if there is MISSING:
            level[key] = identity
            level.appear(key)
        elif type(there) is _Ids:
            there[identity] = None
        else:
            level[key] = _Ids({there: None, identity: None})

    def discard(self, document: Document) -> None:
        """Take out a document that was entered as it is given here."""
        if self._root is None:
            return
        keys = self.entry(document)
        if keys is None:
            self._irregular.pop(document["_id"], None)
            return
        levels = [self._root]
        for key in keys[:-1]:
            levels.append(levels[-1][key])
        self._discard_id(levels[-1], keys[-1], document["_id"])
        for level, key in zip(reversed(levels[:-1]), reversed(keys[:-1]), strict=True):
            if not level[key]:
                del level[key]
                level.vanish(key)
        for level in levels:
            level.size -= 1

    def _discard_id(self, level: Level, key: Hashable, identity: Any) -> None:
        there = level[key]
        if type(there) is _Ids:
            del there[identity]
            if len(there) == 1:
                level[key] = next(iter(there))
        else:
            del level[key]
            level.vanish(key)

    def nodes(self, prefix: Sequence[Sequence[Hashable]]) -> list[Any]:
        """Return what lies below every combination of the values allowed for the first keys."""
        found: list[Any] = [self.root]
        for alternatives in prefix:
            found = [node[key] for node in found for key in alternatives if key in node]
        return found


def size(node: Any) -> int:
    """Return how many documents lie at or below a node."""
    if type(node) is Level:
        return node.size
    return len(node) if type(node) is _Ids else 1


def ids(node: Any) -> Iterator[Any]:
    """Iterate over the ids of the documents at or below a node."""
    if type(node) is Level:
        for below in node.values():
            yield from ids(below)
    elif type(node) is _Ids:
        yield from node
    else:
        yield node


def ids_in_order(level: Level, ascending: bool) -> Iterator[Any]:
    """Iterate over the ids below a level in the order of the level's own key."""
    ordered: Iterable[tuple[Any, Hashable]] = level.in_order()
    for _, key in ordered if ascending else reversed(level.in_order()):
        yield from ids(level[key])


def _only(values: list[Any]) -> Any:
    """Return the only value at a path; a list stands for several."""
    if len(values) == 1:
        return values[0]
    return values


def duplicate(keys: Sequence[str], values: Iterable[Any]) -> DuplicateKeyError:
    """Make the error for a second document with the same values of unique fields."""
    what = ", ".join(f"{key}={value!r}" for key, value in zip(keys, values, strict=True))
    return DuplicateKeyError(f"a document with {what} exists already", tuple(keys))
