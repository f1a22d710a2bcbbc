"""MongoDB: documents on a server, or a replica set of servers.

Every write is acknowledged by a majority and journaled before it returns, and can be
repeated without doing it twice when the network or the server fails in between:

- an insert carries its own ``_id``, and a repeated one that meets it has succeeded;
- an update of one document is a retryable write: the server recognises a repetition. A
  standalone server cannot, so there the update stamps a fresh token into the document
  (`OPERATION`), and is looked up by it before it is tried again;
- an update of many stamps the token everywhere, and a repetition skips documents that
  have it.
"""

# ruff: noqa: D102 - documented in Database

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orion_like.errors import DatabaseError
from orion_like.storage.database.base import NOW, Database, Document, Index, Query, Sort, Update
from orion_like.storage.database.engine import CHANGE, prepared
from orion_like.storage.database.local import index_keys, untracked
from orion_like.storage.database.matching import sort_key
from orion_like.storage.database.mongo_changes import read_changes, shown
from orion_like.storage.database.mongo_connection import Connection
from orion_like.storage.database.mongo_language import (
    OPERATION,
    PRESENT,
    TIMESTAMP,
    translated_query,
    translated_update,
)
from orion_like.storage.database.values import now, plain, truncated

if TYPE_CHECKING:
    import pymongo.database
    from pymongo.collection import Collection

_UNAUTHORIZED: Final = 13  # the server's code
_NOBODY: Final[dict[str, Any]] = {"$nor": [{}]}  # matches no document


class MongoDB(Database):
    """A database on a MongoDB server, version 4.4 or later.

    The connection is made at the first use, once in each process.

    Parameters
    ----------
    host
        Name of the server, or a ``mongodb://`` or ``mongodb+srv://`` URI; localhost by default.
    name
        Name of the database; by default the one in the URI, else ``orion_like``.
    port
        Port of the server; 27017 by default.
    username, password
        Credentials, if they are not in the URI.
    timeout
        Seconds that an operation may take, repetitions included.
    options
        Any other option of `pymongo.MongoClient`, such as ``authSource`` (by default the name
        of the database), ``tls``, ``replicaSet`` or ``serverSelectionTimeoutMS`` (5000).
    """

    def __init__(
        self,
        host: str = "",
        name: str | None = None,
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
        timeout: float = 30,
        **options: Any,
    ) -> None:
        self._connection = Connection(host, name, port, username, password, timeout, options)
        self.timeout = timeout
        self._partitions: dict[str, str | None] = {}  # None: changes are not tracked
        self._sparse: dict[str, list[tuple[str, ...]]] = {}
        self._indexes: dict[str, dict[str, Any]] = {}
        self._read_only = ""  # why nothing may be written

    @property
    def url(self) -> str:
        """The URI, without password."""
        return self._connection.url

    @property
    def name(self) -> str:
        """Name of the database on the server."""
        return self._connection.name

    @property
    def shares_fate(self) -> bool:
        return False

    def close(self) -> None:
        self._connection.close()
        self._indexes.clear()
        self._partitions.clear()

    def clock_ahead(self) -> float:
        with self._connection.errors("the clock of the server"):
            asked = now()
            hello = self._connection.repeat(
                lambda _: self._connection.client.admin.command("hello")
            )
            answered = now()
        server = truncated(hello["localTime"])  # read between the two
        return ((asked - server) + (answered - server)).total_seconds() / 2

    # --- set-up -----------------------------------------------------------------------------

    def ensure_index(
        self,
        collection: str,
        keys: str | Sequence[str],
        *,
        unique: bool = False,
        sparse: bool = False,
    ) -> None:
        names = index_keys(keys)
        pattern = [(key, 1) for key in names]
        options: dict[str, Any] = {"unique": True} if unique else {}
        if sparse:
            # Not `sparse`, which still holds a compound key when one of its fields is there.
            options["partialFilterExpression"] = {key: {"$type": PRESENT} for key in names}
        there = self._there(collection, pattern)
        if there is not None:
            self._refuse_conflict(collection, names, there, options)
            return
        try:
            with self._connection.errors(f"index on {', '.join(names)} of {collection}"):
                self._connection.repeat(
                    lambda _: self._collection(collection).create_index(pattern, **options)
                )
        except DatabaseError as error:
            if getattr(error.__cause__, "code", None) != _UNAUTHORIZED:
                raise
            self._read_only = str(error)  # whoever may only read can do without the index
        self._indexes.pop(collection, None)

    def _there(self, collection: str, pattern: list[tuple[str, int]]) -> dict[str, Any] | None:
        """Return the index on these keys, if there is one."""
        for index in self._index_information(collection).values():
            if [(key, int(direction)) for key, direction in index["key"]] == pattern:
                return index  # type: ignore[no-any-return]
        return None

    def _index_information(self, collection: str) -> dict[str, Any]:
        known = self._indexes.get(collection)
        if known is None:
            with self._connection.errors(f"indexes of {collection}"):
                known = dict(
                    self._connection.repeat(
                        lambda _: self._collection(collection).index_information()
                    )
                )
            self._indexes[collection] = known
            self._sparse[collection] = [
                tuple(key for key, _ in index["key"])
                for index in known.values()
                if "partialFilterExpression" in index
            ]
        return known

    def _refuse_conflict(
        self,
        collection: str,
        names: tuple[str, ...],
        there: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        if bool(there.get("unique")) == bool(options.get("unique")) and (
            "partialFilterExpression" in there
        ) == ("partialFilterExpression" in options):
            return
        raise DatabaseError(
            f"{self.url}: collection {collection} has an index on {', '.join(names)} with other"
            f" options ({there}); drop that index, or use another database"
        )

    def track_changes(self, collection: str, partition: str) -> None:
        # With _id, the index alone tells which documents changed.
        self.ensure_index(collection, [partition, CHANGE, "_id"])
        self._partitions[collection] = partition

    def _partition(self, collection: str) -> str | None:
        """Return the field by which changes are tracked; the index on it says so to everybody."""
        if collection not in self._partitions:
            self._partitions[collection] = next(
                (
                    index["key"][0][0]
                    for index in self._index_information(collection).values()
                    if [key for key, _ in index["key"]][1:] == [CHANGE, "_id"]
                ),
                None,
            )
        return self._partitions[collection]

    # --- writing ----------------------------------------------------------------------------

    def new_id(self, collection: str) -> Any:  # noqa: ARG002
        from bson import ObjectId

        return ObjectId()

    def insert(self, collection: str, document: Mapping[str, Any], *, durable: bool = True) -> Any:
        return self.insert_many(collection, [document], durable=durable)[0]

    def insert_many(
        self, collection: str, documents: Iterable[Mapping[str, Any]], *, durable: bool = True
    ) -> list[Any]:
        from bson import ObjectId

        ready = [prepared(document) for document in documents]
        for document in ready:
            document.setdefault("_id", ObjectId())
        tracked = self._partition(collection) is not None
        target = self._writable(collection, durable)

        def once(repeated: bool) -> None:
            todo = ready
            if repeated:
                query = {"_id": {"$in": [document["_id"] for document in ready]}}
                there = {document["_id"] for document in target.find(query, {"_id": 1})}
                todo = [document for document in ready if document["_id"] not in there]
            _insert(target, todo, tracked)

        with self._connection.errors(f"insert into {collection}"):
            self._connection.repeat(once)
        return [document["_id"] for document in ready]

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
        from bson import ObjectId

        target = self._writable(collection, durable)
        token = ObjectId() if self._connection.standalone else None
        selection = self._query(collection, query)
        changes = self._update(collection, update, token)
        pick = _projection(fields)

        def once(repeated: bool) -> Document | None:
            if repeated:
                done = self._done_before(target, token, pick, return_old)
                if done is not None:
                    return done
            return target.find_one_and_update(
                selection, changes, pick, sort=_order(sort), return_document=not return_old
            )

        with self._connection.errors(f"update of {collection}"):
            # Without a token the driver repeats it, and the server knows a repetition.
            found = once(False) if token is None else self._connection.repeat(once)
        return None if found is None else shown(found)

    def _done_before(
        self,
        target: Collection[Document],
        token: Any,
        pick: dict[str, int] | None,
        return_old: bool,
    ) -> Document | None:
        """Return the document that the update was applied to before the connection failed."""
        done = target.find_one({OPERATION: token}, pick)
        if done is not None and return_old:
            raise DatabaseError(
                f"{self.url}: the connection failed after an update was made; the document as it"
                f" was before is not known any more (_id {done['_id']})"
            )
        return done

    def update(self, collection: str, query: Query, update: Update, *, durable: bool = True) -> int:
        from bson import ObjectId

        target = self._writable(collection, durable)
        token = ObjectId()
        selection = self._query(collection, query)
        changes = self._update(collection, update, token)

        def once(repeated: bool) -> int:
            if not repeated:
                return target.update_many(selection, changes).matched_count
            target.update_many({"$and": [selection, {OPERATION: {"$ne": token}}]}, changes)
            return target.count_documents({OPERATION: token})

        with self._connection.errors(f"update of {collection}"):
            return self._connection.repeat(once)

    def remove(self, collection: str, query: Query, *, durable: bool = True) -> int:
        target = self._writable(collection, durable)
        selection = self._query(collection, query)
        with self._connection.errors(f"removal from {collection}"):
            return self._connection.repeat(lambda _: target.delete_many(selection).deleted_count)

    # --- reading ----------------------------------------------------------------------------

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
        selection = self._query(collection, query)
        pick = _projection(fields)

        def once(_: bool) -> list[Document]:
            cursor = self._collection(collection).find(
                selection, pick, sort=_order(sort), limit=limit, skip=skip
            )
            return [shown(document) for document in cursor]

        with self._connection.errors(f"search in {collection}"):
            return self._connection.repeat(once)

    def count(self, collection: str, query: Query | None = None) -> int:
        selection = self._query(collection, query)
        with self._connection.errors(f"count of {collection}"):
            return self._connection.repeat(
                lambda _: self._collection(collection).count_documents(selection)
            )

    def count_by(self, collection: str, field: str, query: Query | None = None) -> dict[Any, int]:
        pipeline = [
            {"$match": self._query(collection, query)},
            {"$group": {"_id": "$" + field, "n": {"$sum": 1}}},
        ]
        with self._connection.errors(f"count of {collection} by {field}"):
            groups = self._connection.repeat(
                lambda _: list(self._collection(collection).aggregate(pipeline))
            )
        return {group["_id"]: group["n"] for group in groups}

    def count_by_each(
        self, collection: str, field: str, group: str, values: Sequence[Any]
    ) -> dict[Any, dict[Any, int]]:
        pipeline = [
            {"$match": self._query(collection, {group: {"$in": list(values)}})},
            {"$group": {"_id": {"group": "$" + group, "value": "$" + field}, "n": {"$sum": 1}}},
        ]
        with self._connection.errors(f"count of {collection} by {field}"):
            groups = self._connection.repeat(
                lambda _: list(self._collection(collection).aggregate(pipeline))
            )
        counts: dict[Any, dict[Any, int]] = {}
        for found in groups:
            key = found["_id"]
            counts.setdefault(key.get("group"), {})[key.get("value")] = found["n"]
        return counts

    def changes(
        self, collection: str, partition_value: Any, since: Any = None
    ) -> tuple[Sequence[Document], Any]:
        partition = self._partition(collection)
        if partition is None:
            raise untracked(collection)
        value = plain(partition_value)
        if isinstance(value, list):
            value = {"$in": value}
        with self._connection.errors(f"changes of {collection}"):
            found, token = self._connection.repeat(
                lambda _: read_changes(self._settled(collection), partition, value, since)
            )
        return found, token

    def indexes(self, collection: str) -> dict[tuple[str, ...], Index]:
        self._indexes.pop(collection, None)  # somebody may have dropped one meanwhile
        found = {
            tuple(key for key, _ in index["key"]): Index(
                bool(index.get("unique")), "partialFilterExpression" in index
            )
            for index in self._index_information(collection).values()
        }
        return {keys: index for keys, index in found.items() if {"_id", CHANGE}.isdisjoint(keys)}

    def collections(self) -> list[str]:
        with self._connection.errors("names of collections"):
            names = self._connection.repeat(lambda _: self._database().list_collection_names())
        return sorted(name for name in names if not name.startswith("system."))

    # --- the server's side ------------------------------------------------------------------

    def _database(self) -> pymongo.database.Database[Document]:
        return self._connection.client[self.name]

    def _collection(self, name: str) -> Collection[Document]:
        return self._database()[name]

    def _settled(self, name: str) -> Collection[Document]:
        """Return a collection whose documents are read as no fail-over can undo them.

        A reader of changes keeps what it read, so it would never see that it was undone.
        """
        from pymongo.read_concern import ReadConcern

        collection = self._collection(name)
        if self._connection.standalone:
            return collection
        return collection.with_options(read_concern=ReadConcern("majority"))

    def _writable(self, name: str, durable: bool) -> Collection[Document]:
        from pymongo import WriteConcern

        if self._read_only:
            raise DatabaseError(
                f"{self.url} can be read but not written: an index that keeps duplicates out is"
                f" missing ({self._read_only})"
            )
        # Journaled even on a standalone server, where a majority alone would be its memory.
        concern = WriteConcern(w="majority", j=True) if durable else WriteConcern(w=1)
        return self._collection(name).with_options(write_concern=concern)

    def _query(self, collection: str, query: Query | None) -> dict[str, Any]:
        return translated_query(query, self._sparse.get(collection, ()))

    def _update(self, collection: str, update: Update, token: Any) -> dict[str, Any]:
        tracked = self._partition(collection) is not None
        return translated_update(update, tracked=tracked, token=token)


def _insert(target: Collection[Document], documents: list[Document], tracked: bool) -> None:
    """Insert documents that have an _id; raises if one is there already."""
    from bson import Timestamp
    from pymongo import UpdateOne

    if tracked:
        documents = [{**document, CHANGE: Timestamp(0, 0)} for document in documents]
    if not any(NOW in document.values() for document in documents):
        if len(documents) == 1:
            target.insert_one(documents[0])  # the server fills in an empty timestamp
        elif documents:
            target.insert_many(documents)
        return
    requests = []
    for document in documents:
        identity = {"_id": document["_id"], **_NOBODY}  # an _id that is there is then an error
        fields = {k: v for k, v in document.items() if v is not NOW and k not in ("_id", CHANGE)}
        clock: dict[str, Any] = {k: True for k, v in document.items() if v is NOW}
        if tracked:
            clock[CHANGE] = TIMESTAMP
        update = {"$currentDate": clock} | ({"$setOnInsert": fields} if fields else {})
        requests.append(UpdateOne(identity, update, upsert=True))
    if len(requests) == 1:
        target.update_one(identity, update, upsert=True)
    else:
        target.bulk_write(requests)


def _projection(fields: Sequence[str] | None) -> dict[str, int] | None:
    return None if fields is None else dict.fromkeys(["_id", *fields], 1)


def _order(sort: Sort | None) -> list[tuple[str, int]] | None:
    if not sort:
        return None
    sort_key(sort)  # complains about a wrong direction
    return list(sort)
