"""`orion-like db test`: check that the database works."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from orion_like.cli.commands import Command
from orion_like.cli.failures import FAILED, SUCCESS, paragraph
from orion_like.cli.options import format_option, storage_options
from orion_like.cli.output import write
from orion_like.cli.session import Selection, Session, open_storage
from orion_like.errors import OrionLikeError
from orion_like.redaction import redact

if TYPE_CHECKING:
    from orion_like.config import Settings

COLLECTION = "connection_test"


@dataclass(frozen=True)
class Check:
    """One check: its name, how it ended, and what was seen."""

    name: str
    result: str
    detail: str = ""


class CheckFailed(OrionLikeError):
    """The database gave something else than it was given."""


@click.command("test", cls=Command, examples=["db test", "db test --storage mongodb://localhost/t"])
@storage_options
@format_option
@click.pass_obj
def test(session: Session, config: str | None, storage: str | None, format_: str) -> int:
    """Check the configuration of the database, then write, read, count and delete a document."""
    selection = Selection(config=config, storage=storage)
    checks: list[Check] = []
    for check in _run(session, selection):
        checks.append(check)
        if format_ == "table":
            detail = f" ({check.detail})" if check.detail else ""
            click.echo(f"{check.name}.. {check.result}{paragraph(detail)}")
    if format_ != "table":
        write([vars(check) for check in checks], format_)
    return FAILED if any(check.result == "Failure" for check in checks) else SUCCESS


def _run(session: Session, selection: Selection) -> Iterator[Check]:
    """Yield the checks one by one; after a failure the others are skipped."""
    with contextlib.ExitStack() as stack:
        subject = _Subject(session, selection, stack)
        failed = False
        for name, step in STEPS.items():
            if failed:
                yield Check(name, "Skipping")
                continue
            try:
                yield Check(name, "Success", redact(step(subject)))
            except (OrionLikeError, OSError) as error:
                failed = True
                yield Check(name, "Failure", redact(str(error)))


class _Subject:
    """The database under test; each method is one check and returns what was seen."""

    def __init__(self, session: Session, selection: Selection, stack: contextlib.ExitStack) -> None:
        self._session = session
        self._selection = selection
        self._stack = stack
        self._query = {"token": secrets.token_hex(8)}

    def load_settings(self) -> str:
        self._settings: Settings = self._selection.load_settings(self._session)
        return _origins(self._settings)

    def connect(self) -> str:
        storage = self._stack.enter_context(open_storage(self._settings))
        self._database = storage.database
        return storage.url

    def write(self) -> str:
        self._database.insert(COLLECTION, self._query)
        return ""

    def read(self) -> str:
        return _expect(len(self._database.find(COLLECTION, self._query)), 1)

    def count(self) -> str:
        return _expect(self._database.count(COLLECTION, self._query), 1)

    def delete(self) -> str:
        _expect(self._database.remove(COLLECTION, self._query), 1)
        return _expect(self._database.count(COLLECTION, self._query), 0)


STEPS: Mapping[str, Callable[[_Subject], str]] = {
    "Configuration": _Subject.load_settings,
    "Connection": _Subject.connect,
    "Write": _Subject.write,
    "Read": _Subject.read,
    "Count": _Subject.count,
    "Delete": _Subject.delete,
}


def _expect(seen: int, expected: int) -> str:
    if seen != expected:
        raise CheckFailed(f"{seen} documents instead of {expected}")
    return ""


def _origins(settings: Settings) -> str:
    """Say where the database is configured."""
    origins = {
        settings.origin(f"storage.{key}") for key in ("url", "database.type", "database.host")
    }
    return ", ".join(sorted(origins - {"default"})) or "default"
