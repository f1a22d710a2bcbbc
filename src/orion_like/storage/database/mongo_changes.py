"""Reading what changed in a MongoDB collection since last time.

The server stamps every write with a growing timestamp, so new changes are those with a
later stamp. But two writes may become visible in the other order than they were stamped.
Therefore the last few seconds are looked through again from time to time, in the index
alone, for stamps that were not seen before.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, overload

from orion_like.storage.database.base import Document
from orion_like.storage.database.engine import CHANGE
from orion_like.storage.database.mongo_language import OPERATION

if TYPE_CHECKING:
    from bson import CodecOptions, Timestamp
    from bson.raw_bson import RawBSONDocument
    from pymongo.collection import Collection

_WINDOW: Final = 3  # seconds within which a write may become visible after a later one
_PERIOD: Final = 1.0  # seconds between looks at the window


@dataclass(frozen=True)
class ChangeToken:
    """Up to where somebody has read.

    Parameters
    ----------
    stamp
        The latest stamp seen.
    recent
        Stamps seen within the window before it, by document.
    looked
        When the window was last looked through, by this process's monotonic clock.
    advanced
        When `stamp` last grew, by the same clock.
    """

    stamp: Timestamp
    recent: dict[Any, Timestamp] = field(repr=False)
    looked: float
    advanced: float


def read_changes(
    collection: Collection[Document], partition: str, value: Any, since: ChangeToken | None
) -> tuple[Sequence[Document], ChangeToken]:
    """Return the documents of a partition that changed since, oldest change first, and a token."""
    instant = time.monotonic()
    if since is None:
        return _read_all(collection, {partition: value}, instant)
    query = {partition: value, CHANGE: {"$gt": since.stamp}}
    found = [
        shown(document)
        for document in collection.find(query).sort(CHANGE, 1)
        if since.recent.get(document["_id"]) != document[CHANGE]
    ]
    looked = since.looked
    if instant > looked + _PERIOD and looked < since.advanced + _WINDOW:
        late = _late(collection, {partition: value}, since, {doc["_id"] for doc in found})
        found, looked = late + found, instant
    if not found and looked == since.looked:
        return found, since
    return found, _advanced(since, found, looked, instant)


def _read_all(
    collection: Collection[Document], query: dict[str, Any], instant: float
) -> tuple[Sequence[Document], ChangeToken]:
    from bson import CodecOptions, Timestamp
    from bson.raw_bson import RawBSONDocument

    raw = CodecOptions(document_class=RawBSONDocument)
    documents = list(collection.with_options(codec_options=raw).find(query).sort(CHANGE, 1))
    found = _Encoded(documents, collection.codec_options)
    nothing = ChangeToken(Timestamp(0, 0), {}, instant, instant)
    start = _window_start(found[-1].get(CHANGE, nothing.stamp)) if found else nothing.stamp
    recent = itertools.takewhile(lambda doc: doc.get(CHANGE, start) > start, reversed(found))
    return found, _advanced(nothing, list(recent), instant, instant)


class _Encoded(Sequence[Document]):
    """Documents as the server sent them, a fifth of their size; decoded when looked at."""

    def __init__(
        self, documents: Sequence[RawBSONDocument], options: CodecOptions[Document]
    ) -> None:
        self._documents = documents
        self._options = options

    def __len__(self) -> int:
        return len(self._documents)

    @overload
    def __getitem__(self, at: int) -> Document: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Document]: ...
    def __getitem__(self, at: int | slice) -> Document | Sequence[Document]:
        from bson import decode

        if isinstance(at, slice):
            return _Encoded(self._documents[at], self._options)
        return shown(decode(self._documents[at].raw, self._options))


def shown(document: Document) -> Document:
    """Return a document without what is the database's own."""
    document.pop(OPERATION, None)
    return document


def _late(
    collection: Collection[Document], query: dict[str, Any], since: ChangeToken, known: set[Any]
) -> list[Document]:
    """Return the documents in the window whose stamps were not seen before."""
    window = {"$gt": _window_start(since.stamp), "$lte": since.stamp}
    index_only = {"_id": 1, CHANGE: 1}
    late = [
        document["_id"]
        for document in collection.find({**query, CHANGE: window}, index_only)
        if since.recent.get(document["_id"]) != document[CHANGE] and document["_id"] not in known
    ]
    return list(map(shown, collection.find({"_id": {"$in": late}}))) if late else []


def _advanced(
    since: ChangeToken, found: list[Document], looked: float, instant: float
) -> ChangeToken:
    stamps = {doc["_id"]: doc[CHANGE] for doc in found if CHANGE in doc}
    stamp = max(stamps.values(), default=since.stamp)
    stamp = max(stamp, since.stamp)
    start = _window_start(stamp)
    recent = {
        identity: seen for identity, seen in {**since.recent, **stamps}.items() if seen > start
    }
    advanced = instant if stamp > since.stamp else since.advanced
    return ChangeToken(stamp, recent, looked, advanced)


def _window_start(stamp: Timestamp) -> Timestamp:
    from bson import Timestamp

    return Timestamp(max(0, stamp.time - _WINDOW), 0)
