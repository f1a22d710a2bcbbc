"""What every database can do: a few verbs on collections of plain documents.

Documents are dicts of None, bool, int (64 bits), float, str, bytes, datetime, list and
dict. Queries and updates are the subset of MongoDB's language that `matching` and
`updating` describe; it means the same in every database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Document = dict[str, Any]
Query = Mapping[str, Any]
Update = Mapping[str, Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]


class _Now:
    """The database's own clock at the moment of the write; the only instance is `NOW`."""

    def __repr__(self) -> str:
        return "NOW"

    def __reduce__(self) -> str:
        return "NOW"

    def __copy__(self) -> _Now:
        return self

    def __deepcopy__(self, memo: Any) -> _Now:
        return self


NOW: Final = _Now()
"""Value for a field of an inserted document or of ``$set``: the time of the write by the
database's own clock (aware UTC, in milliseconds)."""


@dataclass(frozen=True)
class Ago:
    """Operand for ``$lt``, ``$lte``, ``$gt`` and ``$gte``: the database's clock, minus some time.

    Parameters
    ----------
    seconds
        How long before the moment of the query.
    """

    seconds: float


@dataclass(frozen=True)
class Index:
    """How an index is.

    Parameters
    ----------
    unique
        Whether no two documents may have the same values.
    sparse
        Whether documents without all its fields are left out.
    """

    unique: bool = False
    sparse: bool = False


class Database(ABC):
    """Collections of documents, with atomic updates of one document.

    Collections come into being by use. Instances may be shared by threads and, where their
    documents outlive the process, pickled and used after a fork.
    """

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the documents live, for people; passwords are left out."""

    @property
    @abstractmethod
    def shares_fate(self) -> bool:
        """Whether what is not durable can only be lost together with all who use the database.

        So it is where all of them run on the machine that keeps the documents, and only its
        power cut can lose a write.
        """

    def clock_ahead(self) -> float:
        """Return the seconds by which the clock of this host is ahead of the database's own."""
        return 0.0

    @abstractmethod
    def ensure_index(
        self,
        collection: str,
        keys: str | Sequence[str],
        *,
        unique: bool = False,
        sparse: bool = False,
    ) -> None:
        """Make look-ups by these fields fast, now and for good; harmless when done already.

        Parameters
        ----------
        collection
            Name of the collection.
        keys
            Field, or fields in order: queries that fix the first ones, and sorts on the next
            one, are served by the index.
        unique
            Refuse documents that agree with another one on all the fields.
        sparse
            Leave out documents in which any of the fields is missing or null.

        Raises
        ------
        DuplicateKeyError
            Documents that are there already break the uniqueness.
        DatabaseError
            An index on the same fields exists with other options.
        """

    @abstractmethod
    def track_changes(self, collection: str, partition: str) -> None:
        """Stamp the field ``change`` at every write from now on, so that `changes` can be asked.

        Parameters
        ----------
        collection
            Name of the collection.
        partition
            Field whose value tells apart the groups of documents that `changes` reads.
        """

    @abstractmethod
    def new_id(self, collection: str) -> Any:
        """Return an ``_id`` that no document of a collection has or had.

        For a document that is to hold its own. Another may be inserted with it first; then
        `insert` raises DuplicateKeyError with the key ``_id``.
        """

    @abstractmethod
    def insert(self, collection: str, document: Mapping[str, Any], *, durable: bool = True) -> Any:
        """Add a document and return its ``_id``, which is made up unless the document has one.

        Parameters
        ----------
        collection
            Name of the collection.
        document
            What to store; it is copied.
        durable
            Return only when a power cut cannot lose the document. A killed process never does.

        Raises
        ------
        DuplicateKeyError
            A unique index refuses it; the error's ``keys`` say which.
        """

    @abstractmethod
    def insert_many(
        self, collection: str, documents: Iterable[Mapping[str, Any]], *, durable: bool = True
    ) -> list[Any]:
        """Add many documents in one go and return their ``_id`` in the same order.

        If one is refused with `DuplicateKeyError`, a file or memory database holds none of
        them; MongoDB may hold those before it.
        """

    @abstractmethod
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
        """Return copies of the documents that match, in order of insertion unless sorted.

        Parameters
        ----------
        collection
            Name of the collection.
        query
            Which documents; all by default.
        fields
            Return only these fields (dotted paths may be given) and ``_id``.
        sort
            Pairs of a field and 1 (ascending) or -1.
        limit
            Return at most this many; 0 means all.
        skip
            Leave out this many of the first.
        """

    @abstractmethod
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
        """Update, atomically, the first document that matches; None if there is none.

        Parameters
        ----------
        collection
            Name of the collection.
        query
            Which documents may be taken.
        update
            What to change, such as ``{"$set": {"status": "reserved"}}``.
        fields
            Return only these fields and ``_id``.
        sort
            Which of several comes first.
        return_old
            Return the document as it was, not as it is now.
        durable
            See `insert`.
        """

    @abstractmethod
    def update(self, collection: str, query: Query, update: Update, *, durable: bool = True) -> int:
        """Update every document that matches, and return how many did."""

    @abstractmethod
    def remove(self, collection: str, query: Query, *, durable: bool = True) -> int:
        """Remove every document that matches, and return how many did."""

    @abstractmethod
    def count(self, collection: str, query: Query | None = None) -> int:
        """Return how many documents match."""

    @abstractmethod
    def count_by(self, collection: str, field: str, query: Query | None = None) -> dict[Any, int]:
        """Return how many of the documents that match have each value of a field.

        Without reading documents where an index holds the fields of the query, fixed to one
        value each, followed by `field`.
        """

    @abstractmethod
    def count_by_each(
        self, collection: str, field: str, group: str, values: Sequence[Any]
    ) -> dict[Any, dict[Any, int]]:
        """Return what `count_by` does for the documents with each of `values` in `group`.

        All in one go; `values` without documents are left out.
        """

    @abstractmethod
    def changes(
        self, collection: str, partition_value: Any, since: Any = None
    ) -> tuple[Sequence[Document], Any]:
        """Return the documents of a partition written since, and a token for the next call.

        Parameters
        ----------
        collection
            A collection given to `track_changes`.
        partition_value
            Which partition; a list for several, whose documents come in one order or one
            partition after the other.
        since
            The token of an earlier call; None for every document.

        Returns
        -------
        tuple
            Documents, oldest change first, each as it is now, and a new token. The documents
            are shared: they must not be changed. Those of a long history may be built only
            when they are looked at, so look at each once. Nothing written is ever missed, but
            what is not durable yet may be told by a later call; removals are not told.
        """

    def begin_sync(self) -> Callable[[], None]:
        """Begin to make durable what this process has written, where `shares_fate` holds.

        Returns
        -------
        Callable
            What returns when it is durable, and raises DatabaseError if it cannot be.
        """
        return _nothing_to_wait_for

    @abstractmethod
    def indexes(self, collection: str) -> dict[tuple[str, ...], Index]:
        """Return the indexes of a collection by their fields, without those of the database."""

    @abstractmethod
    def collections(self) -> list[str]:
        """Return the names of the collections, sorted."""

    @abstractmethod
    def close(self) -> None:
        """Give back connections and open files; the next use opens them again."""

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


def _nothing_to_wait_for() -> None:
    pass
