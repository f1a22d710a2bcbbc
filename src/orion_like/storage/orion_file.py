"""Files of Oríon's PickledDB: read without Oríon, and written so that Oríon opens them.

Such a file is one pickle of an ``EphemeralDB``, whose collections hold documents with their
nested keys joined by dots. Three classes of Oríon occur in it, and stand-ins without any
behaviour take their place; nothing else that a pickle may name is ever loaded, so that a file
crafted to do harm is refused. The states of Oríon's optimisers, pickles themselves, stay bytes.
"""

from __future__ import annotations

import collections
import datetime
import io
import os
import pickle
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from orion_like.errors import CorruptedDatabaseError, DatabaseError
from orion_like.storage.database.durability import sync_directory
from orion_like.storage.database.values import UTC, plain
from orion_like.trial import nest

Document: TypeAlias = dict[str, Any]
Collections: TypeAlias = dict[str, list[Document]]

MODULE: Final = "orion.core.io.database.ephemeraldb"
_PACKAGE: Final = b"orion.core.io.database"
_HEAD: Final = 4096  # bytes within which a file says what it is
_UNIQUE: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    "experiments": (("name", "version"),),
    "benchmarks": (("name",),),
    "trials": (("experiment", "id"),),
}
"""Fields that Oríon keeps unique, besides ``_id``; it has these collections from the start."""


def is_orion_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file was written by Oríon's PickledDB; False if it cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head[:1] == b"\x80" and _PACKAGE in head


# --- reading ------------------------------------------------------------------------------------


def read_orion_file(path: str | os.PathLike[str]) -> Collections:
    """Return the documents in a file of Oríon's PickledDB, by collection.

    Times, which Oríon keeps without a zone, become aware UTC. Live objects in the description
    of a knowledge base become None.

    Raises
    ------
    DatabaseError
        The file cannot be opened.
    CorruptedDatabaseError
        It is damaged, or names what Oríon does not write.
    """
    try:
        with open(path, "rb") as file:
            return _collections(_OrionUnpickler(file).load())
    except OSError as error:
        raise DatabaseError(f"cannot read the database file {path}: {error.strerror}") from error
    except _Refused as refused:
        raise CorruptedDatabaseError(
            f"{path} was refused: {refused}, which no database file of Oríon holds"
        ) from None
    except Exception as error:  # whatever damaged data makes of a pickle
        raise CorruptedDatabaseError(
            f"{path} begins as a database file of Oríon, but cannot be read"
            f" ({type(error).__name__}: {error}); it is damaged or was cut short"
        ) from error


class _Refused(Exception):
    """A file names something that it should not."""


class _StandIn:
    """Takes the place of an object of Oríon; holds its attributes and can do nothing."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if type(state) is not dict:
            raise _Refused(f"it holds a {type(state).__name__} in place of attributes")
        self.attributes = state


class _Database(_StandIn):
    pass


class _Collection(_StandIn):
    pass


class _Document(_StandIn):
    pass


class _LiveObject(_StandIn):
    """What Oríon stores of the storage that a knowledge base reads."""


_STAND_INS: Final[dict[tuple[str, str], Any]] = {
    (MODULE, "EphemeralDB"): _Database,
    (MODULE, "EphemeralCollection"): _Collection,
    (MODULE, "EphemeralDocument"): _Document,
    ("orion.storage.legacy", "Legacy"): _LiveObject,
    ("orion.core.io.database.pickleddb", "PickledDB"): _LiveObject,
    ("orion.core.io.database.mongodb", "MongoDB"): _LiveObject,
    ("collections", "defaultdict"): collections.defaultdict,
    ("datetime", "datetime"): datetime.datetime,
    ("builtins", "set"): set,
}


class _OrionUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("bson.objectid", "ObjectId"):
            from bson.objectid import ObjectId

            return ObjectId
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise _Refused(f"it names {module}.{name}") from None


def _collections(root: Any) -> Collections:
    found = _attribute(root, _Database, "_db", dict)
    return {
        str(name): [
            _readable(nest(_attribute(document, _Document, "_data", dict)))
            for document in _attribute(collection, _Collection, "_documents", list)
        ]
        for name, collection in found.items()
    }


def _attribute(thing: Any, kind: type[_StandIn], name: str, expected: type) -> Any:
    if type(thing) is not kind:
        raise _Refused(f"it holds a {type(thing).__name__} in the wrong place")
    value = thing.attributes.get(name)
    if not isinstance(value, expected):
        raise _Refused(f"its {name} is a {type(value).__name__}")
    return value


def _readable(value: Any) -> Any:
    """Return a value with aware times and without live objects."""
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable(item) for item in value]
    if type(value) is datetime.datetime:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return None if isinstance(value, _StandIn) else value


# --- writing ------------------------------------------------------------------------------------


def write_orion_file(path: str | os.PathLike[str], documents: Mapping[str, Any]) -> None:
    """Write documents, by collection, into a file that Oríon's PickledDB opens.

    The file appears when it is complete and safe on the disk, in place of one that is there;
    only its owner may read it (mode 600).

    Raises
    ------
    DatabaseError
        It cannot be written, or a document holds what cannot be stored.
    """
    path = Path(path).absolute()
    provisional = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(provisional, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            _write(file, {name: [plain(doc) for doc in docs] for name, docs in documents.items()})
            file.flush()
            os.fsync(descriptor)
        os.replace(provisional, path)
        sync_directory(path.parent)
    except OSError as error:
        raise DatabaseError(f"cannot write {path}: {error.strerror}") from error
    finally:
        provisional.unlink(missing_ok=True)


def _write(file: BinaryIO, documents: Mapping[str, list[Document]]) -> None:
    """Write the pickle piece by piece, since the classes that it names are not here."""
    there = {name: documents.get(name, []) for name in {**_UNIQUE, **documents}}
    attributes = dict.fromkeys(("host", "name", "port", "username", "password"))
    file.write(pickle.PROTO + b"\x04")
    for number, name in enumerate(_CLASSES):  # named once, then fetched by number
        file.write(pickle.GLOBAL + f"{MODULE}\n{name}\n".encode())
        file.write(pickle.BINPUT + bytes([number]) + pickle.POP)
    file.writelines(_instance("EphemeralDB", _database_state(attributes, there)))
    file.write(pickle.STOP)


_CLASSES: Final = ("EphemeralDB", "EphemeralCollection", "EphemeralDocument")


def _class(name: str) -> bytes:
    return pickle.BINGET + bytes([_CLASSES.index(name)])


def _instance(name: str, state: Iterable[bytes]) -> Iterator[bytes]:
    yield _class(name) + pickle.EMPTY_TUPLE + pickle.NEWOBJ
    yield from state
    yield pickle.BUILD


def _database_state(
    attributes: Mapping[str, Any], documents: Mapping[str, list[Document]]
) -> Iterator[bytes]:
    yield pickle.EMPTY_DICT + pickle.MARK
    for name, value in {**attributes, "options": {}, "_conn": None}.items():
        yield _plain_pickle(name) + _plain_pickle(value)
    yield _plain_pickle("_db") + pickle.GLOBAL + b"collections\ndefaultdict\n"
    yield _class("EphemeralCollection") + pickle.TUPLE1 + pickle.REDUCE + pickle.MARK
    for name, collection in documents.items():
        yield _plain_pickle(name)
        yield from _instance("EphemeralCollection", _collection_state(name, collection))
    yield pickle.SETITEMS + pickle.SETITEMS


def _collection_state(name: str, documents: list[Document]) -> Iterator[bytes]:
    flat = [_flattened(document) for document in documents]
    yield pickle.EMPTY_DICT + pickle.MARK
    yield _plain_pickle("_documents") + pickle.EMPTY_LIST + pickle.MARK
    for document in flat:
        state = (
            pickle.EMPTY_DICT,
            _plain_pickle("_data"),
            _plain_pickle(document),
            pickle.SETITEM,
        )
        yield from _instance("EphemeralDocument", state)
    yield pickle.APPENDS
    yield _plain_pickle("_indexes") + pickle.EMPTY_DICT + pickle.MARK
    for keys in (("_id",), *_UNIQUE.get(name, ())):
        yield _plain_pickle(_index_name(keys)) + _plain_pickle(keys)
        yield pickle.EMPTY_SET + pickle.MARK
        for document in flat:
            yield _plain_pickle(tuple(document.get(key) for key in keys))
        yield pickle.ADDITEMS + pickle.TUPLE2
    yield pickle.SETITEMS + pickle.SETITEMS


def _index_name(keys: tuple[str, ...]) -> str:
    return "_id_" if keys == ("_id",) else "_".join(f"{key}_1" for key in keys)


def _plain_pickle(value: Any) -> bytes:
    """Return the opcodes that push a value, without memory: they can stand anywhere."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=3)
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()[2:-1]  # between the number of the protocol and the stop


def _flattened(document: Mapping[str, Any], prefix: str = "") -> Document:
    """Return a document with its nested keys joined by dots, and times without a zone."""
    flat: Document = {}
    for key, value in document.items():
        if isinstance(value, dict) and value:
            flat |= _flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = _zoneless(value)
    return flat


def _zoneless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _zoneless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_zoneless(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
