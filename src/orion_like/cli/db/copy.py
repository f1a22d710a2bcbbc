"""`orion-like db copy`: copy everything into another database."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import option
from orion_like.cli.output import counted, printable
from orion_like.cli.session import Selection, Session, open_existing_storage, open_storage
from orion_like.redaction import redact


@click.command(
    "copy",
    cls=Command,
    examples=[
        "db copy hunts.pkl mongodb://localhost/team",
        "db copy mongodb://localhost/team team.pkl -n demo",
    ],
)
@click.argument("source")
@click.argument("target")
@option("-n", "--name", metavar="NAME", help="Copy only this experiment.  [default: all]")
@option(
    "-v", "--version", metavar="INTEGER", type=click.IntRange(1), help="Version of the experiment."
)
@option(
    "-r",
    "--resolve",
    type=click.Choice(("ignore", "overwrite", "bump")),
    help="What to do with experiments that are there already: leave them out, replace those that"
    " are there, or give them the next free version.",
)
@click.pass_obj
def copy(
    session: Session, source: str, target: str, name: str | None, version: int | None, resolve: Any
) -> None:
    """Copy everything, or one experiment, from the database SOURCE to the database TARGET.

    Each is a file or a URL, as for --storage. When the copy is cut short, the same
    command goes on with it; nothing is copied twice.
    """
    from orion_like.errors import ConfigurationError
    from orion_like.storage.transfer import copy

    settings, others = (
        Selection(storage=os.path.expanduser(place)).load_settings(session)
        for place in (source, target)
    )
    with open_existing_storage(settings) as origin, open_storage(others) as destination:
        if origin.url == destination.url:
            raise ConfigurationError(f"SOURCE and TARGET are the same database, {origin.url}")
        progress = _Progress()
        transfer = copy(
            origin,
            destination,
            name=name,
            version=version,
            resolve=resolve,
            resumable=True,
            on_progress=progress.show,
        )
        progress.end()
    for title in transfer.before:
        click.echo(f"Copied before: {printable(title)}")
    for before, after in transfer.experiments:
        name_there = "" if before == after else f" as {after}"
        click.echo(printable(f"Copied {before}{name_there}"))
    for title in transfer.skipped:
        click.echo(f"Ignored {printable(title)}, which is there already")
    click.echo(
        f"Copied {counted(len(transfer.experiments), 'experiment')} with"
        f" {counted(transfer.trials, 'trial')} to {redact(destination.url)}"
    )


class _Progress:
    """One line on a terminal that tells how far the copy is; elsewhere a line an experiment."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._shown = ""

    def show(self, title: str, done: int, total: int) -> None:
        line = printable(f"{title}: {done} of {counted(total, 'trial')}")
        if self._live:
            click.echo(f"\r{line:<{len(self._shown)}}", nl=False, err=True)
            self._shown = line
        elif done == total and line != self._shown:
            click.echo(line, err=True)
            self._shown = line

    def end(self) -> None:
        if self._live and self._shown:
            click.echo(err=True)
