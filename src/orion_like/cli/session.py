"""What all commands share: verbosity, where documents live, and which experiment is meant."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from orion_like.cli.commands import did_you_mean
from orion_like.cli.output import printable
from orion_like.errors import ConfigurationError, NoConfigurationError, NoNameError
from orion_like.redaction import redact

if TYPE_CHECKING:
    from orion_like.config import Settings
    from orion_like.storage import Storage

LOG_FORMAT = "%(asctime)-15s::%(levelname)s::%(name)s::%(message)s"


@dataclass
class Session:
    """The global options of one invocation of the program.

    Parameters
    ----------
    verbose
        How much is said: 0 warnings, 1 what happens and what scripts print, 2 everything.
    debug
        Keep documents in memory instead of the configured storage.
    """

    verbose: int = 0
    debug: bool = False


@dataclass(frozen=True)
class Selection:
    """Which experiment, in which storage: the options that most commands have."""

    name: str | None = None
    user: str | None = None
    version: int | None = None
    config: str | None = None
    storage: str | None = None

    def load_settings(self, session: Session, overrides: Mapping[str, Any] | None = None) -> Any:
        """Return the `Settings` of this command: files, environment, and its options."""
        from orion_like.config import load_settings

        given = {
            "experiment.name": self.name,
            "experiment.user": self.user,
            "experiment.version": self.version,
            "storage": self._expanded_storage(),
            "debug": session.debug or None,
            **(overrides or {}),
        }
        return load_settings(self.config, {key: v for key, v in given.items() if v is not None})

    def _expanded_storage(self) -> str | None:
        """Return the storage; shells leave the ``~`` of ``--storage=~/db.pkl`` to us."""
        return None if self.storage is None else os.path.expanduser(self.storage)

    def command_line(self, command: str, name: str, version: int, *options: str) -> str:
        """Return a command to type that asks the same storage about an experiment."""
        which = ["--name", name, "--version", str(version)]
        return self.same_place(f"{command} {shlex.join([*which, *options])}")

    def same_place(self, command: str) -> str:
        """Return a command to type, with the options that lead to the same storage."""
        words = []
        if self.config is not None:
            words += ["--config", self.config]
        if self.storage is not None:
            words += ["--storage", self.storage]
        name, _, rest = command.partition(" ")
        # What follows the command that is tuned would be its own.
        ordered = (
            [name, shlex.join(words), rest] if name == "hunt" else [command, shlex.join(words)]
        )
        return redact(" ".join(["orion-like", *filter(None, ordered)]))


@contextlib.contextmanager
def open_storage(settings: Settings) -> Iterator[Storage]:
    """Open the storage that the settings name, and close it at the end."""
    from orion_like.storage import setup_storage

    file = database_file(settings)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    storage = setup_storage(settings.storage)
    try:
        yield storage
    finally:
        storage.close()


@contextlib.contextmanager
def open_existing_storage(settings: Settings) -> Iterator[Storage]:
    """Open the storage like `open_storage`, but never create its file.

    Raises
    ------
    NoConfigurationError
        If the file does not exist.
    """
    file = database_file(settings)
    if file is not None and not file.exists():
        raise NoConfigurationError(f"No experiment found: the database file {file} does not exist")
    with open_storage(settings) as storage:
        yield storage


@contextlib.contextmanager
def open_storage_to_read(settings: Settings) -> Iterator[Storage | None]:
    """Open the storage like `open_storage`, or give None when its file does not exist."""
    file = database_file(settings)
    if file is not None and not file.exists():
        click.echo(f"The database file {file} does not exist yet.", err=True)
        yield None
        return
    with open_storage(settings) as storage:
        yield storage


def database_file(settings: Settings) -> Path | None:
    """Return the path of the database if it is a file, else None."""
    storage = settings.storage
    if not isinstance(storage, str) and "url" in storage["database"]:
        storage = str(storage["database"]["url"])
    if isinstance(storage, str):
        scheme, separator, rest = storage.partition("://")
        if storage == ":memory:" or (separator and scheme not in ("file", "pickleddb")):
            return None
        return Path(rest if separator else storage)
    database = storage["database"]
    return Path(database["host"]) if database["type"] == "pickleddb" else None


def required_name(settings: Settings) -> str:
    """Return the name of the experiment that the settings give.

    Raises
    ------
    NoNameError
        If they give none.
    ConfigurationError
        If it cannot be stored.
    """
    name = settings["experiment.name"]
    if not name:
        raise NoNameError(
            "no name for the experiment; give it with -n/--name, "
            "or as experiment.name in the file of --config"
        )
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"the name of the experiment, {printable(name)!r}, is not valid UTF-8"
        ) from None
    return str(name)


def find_experiment(storage: Storage, name: str, version: int | None = None) -> dict[str, Any]:
    """Return the document of an experiment, the latest version by default.

    Raises
    ------
    NoConfigurationError
        If there is no such experiment; the message names the closest one.
    """
    document = storage.fetch_experiment(name, version)
    if document is not None:
        stored = document.get("version", 1)
        if version is not None and stored != version:
            logging.getLogger(__name__).warning(
                "experiment %r has no version %d; using the latest, %d", name, version, stored
            )
        return document
    others = storage.fetch_experiments(fields=["name", "version"])
    raise no_experiment(name, version, others, storage.url)


def no_experiment(
    name: str, version: int | None, others: list[dict[str, Any]], where: str
) -> NoConfigurationError:
    """Return the error for an experiment that is not in the storage."""
    versions = [str(doc.get("version", 1)) for doc in others if doc["name"] == name]
    if versions:
        return NoConfigurationError(
            f"No experiment found with the name {name!r} and version {version} in {where}; "
            f"it has version {', '.join(versions)}"
        )
    names = sorted({doc["name"] for doc in others})
    hint = did_you_mean(name, names)
    if not hint and names:
        hint = f"; there are {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
    return NoConfigurationError(f"No experiment found with the name {name!r} in {where}{hint}")


# --- logging ----------------------------------------------------------------------------------


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _StderrHandler(logging.StreamHandler[IO[str]]):
    """Writes to what is `sys.stderr` at that moment, so that a live display can take it over."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def set_up_logging(verbose: int, directory: str | None) -> None:
    """Send log records to stderr or, if a directory is given, to a file of this process there."""
    handler: logging.Handler = _StderrHandler()
    if directory is not None:
        Path(directory).mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(Path(directory) / f"orion_like_{os.getpid()}.log")
    handler.setFormatter(_RedactingFormatter(LOG_FORMAT))
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    logger = logging.getLogger("orion_like")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(levels[min(verbose, 2)])
