"""From what users write for ``storage=`` to a :class:`~orion_like.storage.storage.Storage`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from orion_like.errors import ConfigurationError
from orion_like.spelling import did_you_mean
from orion_like.storage.database import Database, EphemeralDB, MongoDB, PickledDB
from orion_like.storage.orion_database import OrionFileDB
from orion_like.storage.orion_file import is_orion_file
from orion_like.storage.storage import Storage

_DATABASES: Mapping[str, type[Database]] = {
    "pickleddb": PickledDB,
    "mongodb": MongoDB,
    "ephemeraldb": EphemeralDB,
}
_MONGODB_SCHEMES = ("mongodb", "mongodb+srv")
_FILE_SCHEMES = ("file", "pickleddb")
_MEMORY_SCHEMES = ("memory", "ephemeraldb")


def setup_storage(storage: Any = None, debug: bool = False) -> Storage:
    """Open the storage that `storage` describes.

    Parameters
    ----------
    storage
        One of

        - a path or ``file:///path``: one pickled file; one that Oríon wrote is read only;
        - ``mongodb://…/name``: a MongoDB database;
        - ``memory://`` or ``:memory:``: nothing outlives the process;
        - Oríon's ``{"type": "legacy", "database": {"type": "pickleddb", "host": path}}``,
          or its ``database`` part alone;
        - a Database or Storage object;
        - None: what the settings say, by default one file in the user's data directory.
    debug
        Whether to use a database in memory, whatever `storage` is. Default False.

    Raises
    ------
    ConfigurationError
        If `storage` is none of these.

    Examples
    --------
    >>> setup_storage("memory://").url
    'memory://'
    """
    if debug:
        return Storage(EphemeralDB())
    return storage if isinstance(storage, Storage) else Storage(open_database(storage))


def open_database(storage: Any = None) -> Database:
    """Return the database that `storage` describes as it is: no index is made in it.

    Parameters
    ----------
    storage
        As for `setup_storage`.

    Raises
    ------
    ConfigurationError
        If `storage` is nothing of that.
    """
    if storage is None:
        from orion_like.config import load_settings

        storage = load_settings().storage
    if isinstance(storage, Storage):
        return storage.database
    if isinstance(storage, Database):
        return storage
    if isinstance(storage, (str, os.PathLike)):
        return _from_text(os.fspath(storage))
    if isinstance(storage, Mapping):
        return _from_mapping(storage)
    raise ConfigurationError(
        "storage must be a path, a URL, a dictionary, a Database or a Storage, "
        f"not {type(storage).__name__}"
    )


def _from_text(text: str, *, trust_locks: bool = False) -> Database:
    if text in ("", ":memory:"):
        if text:
            return EphemeralDB()
        raise ConfigurationError("storage is empty; give a path or a URL such as mongodb://host/db")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return open_file(text, trust_locks=trust_locks)
    if scheme in _MONGODB_SCHEMES:
        return MongoDB(host=text)
    if scheme in _MEMORY_SCHEMES:
        return EphemeralDB()
    if scheme in _FILE_SCHEMES:
        path = unquote(urlsplit(text).path if scheme == "file" else rest)
        return open_file(path, trust_locks=trust_locks)
    known = (*_MONGODB_SCHEMES, *_FILE_SCHEMES, *_MEMORY_SCHEMES)
    raise ConfigurationError(
        f"storage URL {scheme}://… has an unknown scheme; known are {', '.join(known)}"
        + did_you_mean(scheme, known)
    )


def open_file(path: str | os.PathLike[str], *, trust_locks: bool = False) -> Database:
    """Return the database in a file, made at the first write if there is none.

    A file that Oríon wrote can be read, and is converted by ``orion-like db upgrade``.
    """
    if is_orion_file(os.path.expanduser(path)):
        return OrionFileDB(path)
    return PickledDB(host=path, trust_locks=trust_locks)


def _from_mapping(configuration: Mapping[str, Any]) -> Database:
    if "database" in configuration:
        kind = str(configuration.get("type", "legacy")).lower()
        if kind != "legacy":
            raise ConfigurationError(
                f"storage.type {kind!r} is unknown; it must be 'legacy' or left out"
            )
        database = configuration["database"]
        if not isinstance(database, Mapping):
            return _from_text(str(database))
        return _from_mapping(database)
    settings = {key: value for key, value in configuration.items() if value not in (None, "")}
    url = settings.pop("url", None) or settings.pop("path", None)
    if url is not None:
        return _from_text(str(url), trust_locks=bool(settings.get("trust_locks")))
    is_uri = str(settings.get("host", "")).startswith(tuple(f"{s}://" for s in _MONGODB_SCHEMES))
    kind = str(settings.pop("type", "mongodb" if is_uri else "pickleddb"))
    database_type = _DATABASES.get(kind.lower())
    if database_type is None:
        raise ConfigurationError(
            f"database type {kind!r} is unknown; it must be PickledDB, MongoDB or EphemeralDB"
            + did_you_mean(kind.lower(), _DATABASES)
        )
    if database_type is not PickledDB:
        settings.pop("trust_locks", None)
    if is_uri and database_type is PickledDB:  # as a path it would show its password
        raise ConfigurationError(f"the host is the URI of a MongoDB, but the type is {kind}")
    if database_type is not MongoDB:
        # Oríon's defaults for a server are in every configuration, and mean nothing here.
        for server_setting in ("name", "port", "username", "password"):
            settings.pop(server_setting, None)
    if database_type is EphemeralDB:
        settings.pop("host", None)
    if database_type is PickledDB and is_orion_file(os.path.expanduser(settings.get("host", ""))):
        return OrionFileDB(settings["host"])
    try:
        return database_type(**settings)
    except TypeError as error:
        problem = str(error).partition("() ")[2] or error
        raise ConfigurationError(f"database settings of {kind}: {problem}") from None
