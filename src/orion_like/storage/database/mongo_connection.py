"""The connection to a MongoDB server: one client a process, clear errors, repetitions."""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote_plus

from orion_like.errors import DatabaseError, DatabaseTimeout, DuplicateKeyError
from orion_like.redaction import SHOWN, redact, user_and_password, without_password

if TYPE_CHECKING:
    from pymongo import MongoClient

T = TypeVar("T")

DEFAULT_NAME: Final = "orion_like"
_FIRST_ANSWER: Final = 5.0  # seconds to wait for a server at the first use
_FIRST_PAUSE: Final = 0.05  # seconds before a repetition
_LONGEST_PAUSE: Final = 1.0  # seconds
_POOL: Final = 5  # connections of one process
_AUTHENTICATION: Final = (13, 18, 8000)  # codes: unauthorized, failed, Atlas
_DETAILS: Final = re.compile(
    r", Timeout: |, full error: |, Topology Description: | \(configured timeouts: "
)
# Mechanisms whose users are in no database:
_EXTERNAL: Final = ("MONGODB-X509", "MONGODB-AWS", "MONGODB-OIDC", "GSSAPI")
_UNENCODED: Final = re.compile(r"[:/?#\[\]@]|%(?![0-9a-fA-F]{2})")
_TELLING: Final = 4  # characters from which on a password is looked for in messages


class Connection:
    """Where a database is, and the client that talks to it in this process.

    Parameters
    ----------
    host, name, port, username, password, timeout, options
        As for `MongoDB`.
    """

    def __init__(
        self,
        host: str,
        name: str | None,
        port: int | None,
        username: str | None,
        password: str | None,
        timeout: float,
        options: Mapping[str, Any],
    ) -> None:
        self.uri = host if "://" in host else f"mongodb://{host or 'localhost'}:{port or 27017}"
        if not re.match(r"mongodb(\+srv)?://.", self.uri):
            raise DatabaseError(f"{without_password(self.uri)!r} is not a mongodb:// URI")
        if any(_UNENCODED.search(part or "") for part in user_and_password(self.uri)):
            # The driver would take a part of the password for something else, and tell it.
            raise DatabaseError(
                f"{without_password(self.uri)!r}: the user name and the password in a URI must be"
                " percent-encoded, as urllib.parse.quote_plus does it; or give them apart"
            )
        self.name = name or _name_in(self.uri) or DEFAULT_NAME
        self.timeout = timeout
        self.options = dict(options)
        self._add_user(username, password)
        self._forget()

    def _add_user(self, username: str | None, password: str | None) -> None:
        """Take in credentials that are not in the URI."""
        if username is None and password is None:
            return
        if username is None:
            in_uri = user_and_password(self.uri)[0]
            if not in_uri:
                raise DatabaseError(f"{self.url}: there is a password, but no user name")
            self.options.update(username=unquote_plus(in_uri), password=password)
            return
        self.options["username"] = username
        if password is not None:
            self.options["password"] = password
        if self._option("authMechanism") not in _EXTERNAL and self._option("authSource") is None:
            self.options["authSource"] = self.name

    def _option(self, name: str) -> Any:
        """Return an option that was given, by its name or in the URI."""
        given = {**_options(self.uri), **self.options}
        return next((v for key, v in given.items() if key.lower() == name.lower()), None)

    def _hidden(self, text: str) -> str:
        """Return a message without what must not be told, wherever in it that is."""
        in_uri = user_and_password(self.uri)[1] or ""
        secrets = {in_uri, unquote_plus(in_uri)}
        secrets |= {str(v) for key, v in self.options.items() if key.lower().endswith("password")}
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _TELLING:
                text = text.replace(secret, SHOWN)
        return redact(text)

    def _forget(self) -> None:
        self._client: MongoClient[dict[str, Any]] | None = None
        self._process = os.getpid()
        self._making = threading.Lock()
        self.standalone = False

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("uri", "name", "timeout", "options")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    @property
    def url(self) -> str:
        """The URI with the name of the database, for people."""
        scheme, _, rest = without_password(self.uri).partition("://")
        location, question, options = rest.partition("?")
        hosts = location.split("/", 1)[0]
        return f"{scheme}://{hosts}/{self.name}{question}{options}"

    @property
    def client(self) -> MongoClient[dict[str, Any]]:
        """The client of the present process."""
        if self._process != os.getpid():
            _inherited.append(self._client)  # to be collected here would end the parent's sessions
            self._forget()
        if self._client is None:
            with self._making:
                if self._client is None:
                    self._client = self._connect()
        return self._client

    def _connect(self) -> MongoClient[dict[str, Any]]:
        """Make the client and see that the server answers."""
        import pymongo

        defaults: dict[str, Any] = {
            "serverSelectionTimeoutMS": self.timeout * 1000,
            "connectTimeoutMS": 5000,
            "maxPoolSize": _POOL,
            "appname": "orion_like",
        }
        given = {key.lower() for key in self.options} | {key.lower() for key in _options(self.uri)}
        options = {key: value for key, value in defaults.items() if key.lower() not in given}
        options.update(self.options, tz_aware=True, timeoutMS=round(self.timeout * 1000))
        client = self._new_client(options)
        patience = min(self.timeout, _FIRST_ANSWER)
        with self.errors("first contact"), pymongo.timeout(patience):
            hello = self.repeat(lambda _: client.admin.command("hello"), patience)
        self.standalone = "setName" not in hello and hello.get("msg") != "isdbgrid"
        if self.standalone and self._option("retryWrites") is None:
            # While such a server restarts, the driver may take it for one that knows retries.
            client.close()
            client = self._new_client({**options, "retryWrites": False})
        return client

    def _new_client(self, options: Mapping[str, Any]) -> MongoClient[dict[str, Any]]:
        import pymongo

        _do_not_wait_at_exit()
        try:
            return pymongo.MongoClient(self.uri, **options)
        except (pymongo.errors.PyMongoError, OSError, ValueError, TypeError) as error:
            raise DatabaseError(f"{self.url}: {self._hidden(str(error))}") from None

    def close(self) -> None:
        """Close this process's client; the next use makes another."""
        if self._process == os.getpid() and self._client is not None:
            self._client.close()
            self._client = None

    def repeat(self, operation: Callable[[bool], T], patience: float | None = None) -> T:
        """Do an operation, again after the connection failed, with growing pauses.

        Parameters
        ----------
        operation
            Gets whether it is a repetition: then it may have been done already.
        patience
            Seconds after which it is not repeated any more; the timeout by default.
        """
        from pymongo.errors import AutoReconnect

        deadline = time.monotonic() + (self.timeout if patience is None else patience)
        pause = _FIRST_PAUSE
        repeated = False
        while True:
            try:
                return operation(repeated)
            except AutoReconnect:
                if time.monotonic() + pause > deadline:
                    raise
            repeated = True
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what pymongo raises into our errors."""
        try:
            yield
        except DatabaseError:
            raise
        except Exception as error:
            translated = self._translated(error, doing)
            if translated is None:
                raise
            raise translated from error

    def _translated(self, error: Exception, doing: str) -> DatabaseError | None:
        from bson.errors import BSONError
        from pymongo import errors

        if isinstance(error, OverflowError | UnicodeError | BSONError):
            return DatabaseError(f"{doing}: the document cannot be stored: {error}")
        if not isinstance(error, errors.PyMongoError):
            return None
        if isinstance(error, errors.BulkWriteError):
            return _refused_write(error.details["writeErrors"][0], doing, self.url)
        if isinstance(error, errors.DuplicateKeyError):
            return duplicate_key(error.details or {}, doing)
        if isinstance(error, errors.WTimeoutError):
            return DatabaseTimeout(
                f"{self.url}: {doing}: written, but a majority of the servers did not confirm it"
                " in time"
            )
        if error.timeout or isinstance(error, errors.AutoReconnect):
            return DatabaseTimeout(
                f"{self.url} did not answer ({doing}): {self._first_line(error)}"
            )
        if isinstance(error, errors.OperationFailure) and error.code in _AUTHENTICATION:
            return DatabaseError(
                f"{self.url} refused access ({doing}): {self._first_line(error)}; check user name,"
                " password and authSource"
            )
        return DatabaseError(f"{self.url}: {doing}: {self._first_line(error)}")

    def _first_line(self, error: Exception) -> str:
        """Return the message without the description of topology and response that follow it."""
        text = _DETAILS.split(str(error))[0]
        return self._hidden(text.split("\n")[0])


_inherited: list[Any] = []


def _do_not_wait_at_exit() -> None:
    """Let the process end without half a second of waiting for the driver's idle threads.

    They are daemon threads that write nothing, so the end of the process may end them.
    """
    for name in ("pymongo.synchronous.monitor", "pymongo.monitor"):  # since 4.9, and before
        wait = getattr(sys.modules.get(name), "_shutdown_resources", None)
        if wait is not None:
            atexit.unregister(wait)


def _refused_write(failure: Mapping[str, Any], doing: str, url: str) -> DatabaseError:
    if failure.get("code") == 11000:
        return duplicate_key(failure, doing)
    return DatabaseError(f"{url}: {doing}: {failure.get('errmsg')}")


def duplicate_key(details: Mapping[str, Any], doing: str) -> DuplicateKeyError:
    """Make our error from what the server says about a duplicate key."""
    keys = details.get("keyValue") or dict.fromkeys(details.get("keyPattern") or ())
    what = ", ".join(f"{key}={value!r}" for key, value in keys.items())
    return DuplicateKeyError(f"{doing}: a document with {what} exists already", tuple(keys))


def _name_in(uri: str) -> str | None:
    """Return the name of the database in a URI."""
    _, _, rest = uri.partition("://")
    _, _, path = rest.split("?")[0].rpartition("@")[2].partition("/")
    return path or None


def _options(uri: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in uri.partition("?")[2].split("&") if pair)
    return {key: value for key, _, value in pairs}
