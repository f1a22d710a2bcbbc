"""`orion-like db test`: check that the database works."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.failures import FAILED, SUCCESS, paragraph
from orion_like.cli.options import format_option, storage_options
from orion_like.cli.output import write
from orion_like.cli.redaction import redact
from orion_like.cli.session import Selection, Session, open_storage
from orion_like.errors import OrionLikeError

if TYPE_CHECKING:
    from orion_like.config import Settings
    from orion_like.storage import Storage

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
    failed = False
    settings: list[Settings] = []
    opened: list[Storage] = []
    token = secrets.token_hex(8)

    def load() -> str:
        settings.append(selection.load_settings(session))
        return _origins(settings[0])

    def create() -> str:
        manager = open_storage(settings[0])
        context = click.get_current_context()
        opened.append(context.with_resource(manager))
        return opened[0].url

    def write_() -> str:
        opened[0].database.insert(COLLECTION, {"token": token})
        return ""

    def read() -> str:
        _expect(len(opened[0].database.find(COLLECTION, {"token": token})), 1)
        return ""

    def count() -> str:
        _expect(opened[0].database.count(COLLECTION, {"token": token}), 1)
        return ""

    def remove() -> str:
        _expect(opened[0].database.remove(COLLECTION, {"token": token}), 1)
        _expect(opened[0].database.count(COLLECTION, {"token": token}), 0)
        return ""

    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Configuration", load),
        ("Connection", create),
        ("Write", write_),
        ("Read", read),
        ("Count", count),
        ("Delete", remove),
    )
    for name, step in steps:
        if failed:
            yield Check(name, "Skipping")
            continue
        try:
            yield Check(name, "Success", redact(step()))
        except (OrionLikeError, OSError) as error:
            failed = True
            yield Check(name, "Failure", redact(str(error)))


def _expect(seen: Any, expected: Any) -> None:
    if seen != expected:
        raise CheckFailed(f"{seen} documents instead of {expected}")


def _origins(settings: Settings) -> str:
    """Say where the database is configured."""
    origins = {
        settings.origin(f"storage.{key}") for key in ("url", "database.type", "database.host")
    }
    return ", ".join(sorted(origins - {"default"})) or "default"
