"""`orion-like db compact`: make a database file as small as it can be."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import storage_options
from orion_like.cli.session import Selection, Session, open_existing_storage


@click.command("compact", cls=Command, examples=["db compact", "db compact --storage hunts.pkl"])
@storage_options
@click.pass_obj
def compact(session: Session, config: str | None, storage: str | None) -> None:
    """Rewrite the database file so that it holds each document once.

    Workers may go on meanwhile. Nobody needs this for the file to stay of a
    sensible size: workers rewrite it themselves when most of it is out of date.
    """
    from orion_like.errors import UnsupportedOperation
    from orion_like.storage.database import MongoDB, PickledDB

    settings = Selection(config=config, storage=storage).load_settings(session)
    with open_existing_storage(settings) as opened:
        database = opened.database
        if isinstance(database, PickledDB):
            before = database.path.stat().st_size
            database.compact()
            after = database.path.stat().st_size
            click.echo(f"Rewrote {database.path}: {_size(before)} before, {_size(after)} now")
        elif isinstance(database, MongoDB):
            click.echo(f"Nothing to do: the server of {opened.url} uses free space again by itself")
        else:
            raise UnsupportedOperation(
                f"{opened.url} cannot be compacted; convert a file of Oríon first, with "
                "'orion-like db upgrade'"
            )


def _size(size: float) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> _size(512), _size(2048), _size(3_500_000)
    ('512 bytes', '2.0 kB', '3.5 MB')
    """
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} GB"
