"""`orion-like db setup`: write down which database is used."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import Whole, option
from orion_like.errors import ConfigurationError
from orion_like.redaction import without_password

TYPES = ("pickleddb", "mongodb", "ephemeraldb")


@click.command(
    "setup",
    cls=Command,
    examples=[
        "db setup",
        "db setup --type pickleddb --host ~/hunts.pkl",
        "db setup --type mongodb --host mongodb://ann@db.example --name hunts --force",
    ],
)
@option("--type", "type_", type=click.Choice(TYPES, case_sensitive=False), help="Kind of database.")
@option("--host", help="File of a PickledDB; host or URI of a MongoDB.")
@option("--name", help="Name of the database in MongoDB.")
@option("--port", type=Whole(1, 65535), help="Port of MongoDB.")
@option("-f", "--force", is_flag=True, help="Replace what is configured without asking.")
def setup(
    type_: str | None, host: str | None, name: str | None, port: int | None, force: bool
) -> None:
    """Write into your configuration file which database is used.

    Asks for what is not given as an option. With --type, nothing but the
    replacement of an existing configuration is asked, and what is not given
    keeps its default.
    """
    from orion_like.config import global_files

    path = global_files()[-1]
    settings = _read(path)
    if not force and _has_storage(settings):
        click.confirm(f"{path} configures a database already. Replace it?", abort=True)
    given = {"host": host, "name": name, "port": port}
    database: dict[str, Any] = _ask(given) if type_ is None else {"type": type_.lower(), **given}
    if database["type"] == "pickleddb" and database.get("host"):
        database["host"] = _absolute(database["host"])
    settings = {key: value for key, value in settings.items() if key not in ("storage", "database")}
    settings["storage"] = {
        "database": {key: value for key, value in database.items() if value is not None}
    }
    _write(path, settings)
    click.echo(f"Configuration written to {path}")


def _absolute(host: str) -> str:
    """Return a path that means the same file in whatever directory commands are started."""
    if "://" in host:
        raise ConfigurationError(
            "the host of a PickledDB is the path of its file; a MongoDB has a URI (--type mongodb)"
        )
    return os.path.abspath(os.path.expanduser(host))


def _ask(given: dict[str, Any]) -> dict[str, Any]:
    """Ask for the database, with what is given and the defaults as proposals."""
    from orion_like.config import default_database_path

    kind = click.prompt("Kind of database", type=click.Choice(TYPES), default="pickleddb")
    answers: dict[str, Any] = {"type": kind}
    if kind == "pickleddb":
        answers["host"] = click.prompt(
            "File", default=given["host"] or str(default_database_path())
        )
    elif kind == "mongodb":
        proposal = given["host"] or "localhost"
        answers["host"] = click.prompt(
            "Host or URI", default=proposal, show_default=without_password(proposal)
        )
        answers["name"] = click.prompt(
            "Name of the database", default=given["name"] or "orion_like"
        )
        if "://" not in answers["host"]:
            answers["port"] = click.prompt(
                "Port", default=given["port"] or 27017, type=Whole(1, 65535)
            )
    return answers


def _has_storage(settings: dict[str, Any]) -> bool:
    return any(settings.get(section) for section in ("storage", "database"))


def _read(path: Path) -> dict[str, Any]:
    import yaml

    if not path.exists():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError(f"configuration file {path} is not valid YAML") from None
    if not isinstance(settings, dict):
        raise ConfigurationError(f"configuration file {path} must hold a mapping of settings")
    return settings


def _write(path: Path, settings: dict[str, Any]) -> None:
    """Write the file in one go; only its owner may read it, since it may hold a password."""
    import yaml

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(settings, file, sort_keys=False)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
