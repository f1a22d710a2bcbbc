"""`orion-like db upgrade`: go on with what Oríon has made."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import option, storage_options
from orion_like.cli.output import counted
from orion_like.cli.session import Selection, Session, database_file, open_storage
from orion_like.errors import NoConfigurationError

if TYPE_CHECKING:
    from orion_like.config import Settings
    from orion_like.storage.orion_transfer import Upgrade


@click.command(
    "upgrade",
    cls=Command,
    examples=["db upgrade --storage orion_db.pkl", "db upgrade -c orion.yaml --force"],
)
@storage_options
@option(
    "--backup",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Where everything is kept as it was.  [default: beside the file; for a MongoDB, in the"
    " current directory]",
)
@option("-f", "--force", is_flag=True, help="Ask nothing.")
@click.pass_obj
def upgrade(
    session: Session, config: str | None, storage: str | None, backup: str | None, force: bool
) -> None:
    """Convert a database that Oríon made, in place, after writing a backup.

    Stop the workers of Oríon first: it cannot go on with a converted database.
    What is converted already is left alone.
    """
    settings = Selection(config=config, storage=storage).load_settings(session)
    file = database_file(settings)
    if file is None:
        done = _upgrade_database(settings, backup, force)
    else:
        done = _upgrade_file(file, backup, force)
    if done.backup is None:
        click.echo("Nothing to do: this database holds nothing that Oríon made")
    else:
        click.echo(
            f"Converted {counted(done.experiments, 'experiment')} with"
            f" {counted(done.trials, 'trial')}\n"
            f"Everything as it was is in {done.backup}"
        )


def _upgrade_file(file: Path, backup: str | None, force: bool) -> Upgrade:
    from orion_like.storage.orion_file import is_orion_file
    from orion_like.storage.orion_transfer import upgrade_file

    file = file.expanduser()
    if not file.exists():
        raise NoConfigurationError(f"the database file {file} does not exist")
    if is_orion_file(file):
        _confirm(str(file), force)
    return upgrade_file(file, backup)


def _upgrade_database(settings: Settings, backup: str | None, force: bool) -> Upgrade:
    from orion_like.storage.adoption import is_adopted
    from orion_like.storage.orion_transfer import Upgrade, upgrade_database

    with open_storage(settings) as storage:
        if all(map(is_adopted, storage.fetch_experiments(fields=["name", "next_number"]))):
            return Upgrade()
        _confirm(storage.url, force)
        now = f"{datetime.now():%Y%m%d-%H%M%S}"
        return upgrade_database(storage, backup or f"orion-backup-{now}.pkl")


def _confirm(what: str, force: bool) -> None:
    question = f"Convert {what}? Oríon cannot go on with it then; a backup is written first."
    if not force and not click.confirm(question):
        raise click.ClickException("Confirmation failed, nothing was changed.")
