"""`orion-like db load`: copy experiments from a file."""

from __future__ import annotations

from typing import Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import option, selecting
from orion_like.cli.output import counted
from orion_like.cli.session import Selection, Session, open_storage


@click.command(
    "load", cls=Command, examples=["db load backup.pkl", "db load backup.pkl -n demo -r bump"]
)
@selecting()
@click.argument("file", type=click.Path())
@option(
    "-r",
    "--resolve",
    type=click.Choice(("ignore", "overwrite", "bump")),
    help="What to do with experiments that are there already: leave them out, replace those that"
    " are there, or give them the next free version.",
)
@click.pass_obj
def load(session: Session, selection: Selection, file: str, resolve: Any) -> None:
    """Copy everything, or one experiment, from a FILE that db dump wrote."""
    from orion_like.storage.transfer import load

    settings = selection.load_settings(session)
    with open_storage(settings) as storage:
        transfer = load(
            storage,
            file,
            name=settings["experiment.name"],
            version=settings["experiment.version"],
            resolve=resolve,
        )
    for before, after in transfer.experiments:
        click.echo(f"Loaded {after}" if before == after else f"Loaded {before} as {after}")
    for title in transfer.skipped:
        click.echo(f"Ignored {title}, which is there already")
    click.echo(
        f"Loaded {counted(len(transfer.experiments), 'experiment')} with "
        f"{counted(transfer.trials, 'trial')}"
    )
