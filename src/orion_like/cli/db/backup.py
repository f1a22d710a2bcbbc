"""`orion-like db backup`: copy the database into a file while workers go on."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import option, storage_options
from orion_like.cli.output import counted
from orion_like.cli.session import Selection, Session, open_existing_storage


@click.command(
    "backup",
    cls=Command,
    examples=["db backup monday.pkl", "db backup team.pkl --storage mongodb://localhost/team"],
)
@storage_options
@click.argument("file", type=click.Path(dir_okay=False))
@option("-f", "--force", is_flag=True, help="Replace an existing file.")
@click.pass_obj
def backup(
    session: Session, config: str | None, storage: str | None, file: str, force: bool
) -> None:
    """Copy the whole database into FILE, which --storage opens and db load and db copy read.

    Workers may go on meanwhile. The copy is read back before it is called done.
    """
    from orion_like.storage.backup import backup

    settings = Selection(config=config, storage=storage).load_settings(session)
    with open_existing_storage(settings) as opened:
        made = backup(opened, file, overwrite=force)
    click.echo(
        f"Saved {counted(made.experiments, 'experiment')} with {counted(made.trials, 'trial')}"
        f" in {file}"
    )
